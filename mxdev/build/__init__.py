"""`mx build`: the project's image, documentation and package, by the tools that make them."""
