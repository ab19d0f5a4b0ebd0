"""A project's interpreter and its packages."""
