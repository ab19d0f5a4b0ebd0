"""`mx serve`: what a project serves, models and pages, on this machine with the code of its image."""
