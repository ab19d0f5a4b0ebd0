"""`mx connect`: a login of the project's own to its cloud and its cluster."""
