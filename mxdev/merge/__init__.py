"""Three-way merge, by keys and by lines; diff."""
