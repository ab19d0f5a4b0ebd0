"""A squad: its experiments, each with a Git repository, a registry of images and a versioned bucket."""
