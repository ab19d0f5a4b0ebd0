"""How the world reaches what a project runs: names, audiences, and the route of an app through the shared gateway."""
