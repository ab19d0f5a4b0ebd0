"""The names, the certificate and the one gateway through which the world reaches a project."""
