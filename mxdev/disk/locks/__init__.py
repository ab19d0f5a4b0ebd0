"""One writer at a time in a project, also where the file system has no flock."""
