"""`mx build`: the image, the documentation and the package of a project."""
