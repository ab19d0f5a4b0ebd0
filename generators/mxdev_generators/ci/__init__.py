"""The one job graph that every continuous integration gets, and what the renderers of it share."""
