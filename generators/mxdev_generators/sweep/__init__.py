"""The generator Sweep."""
