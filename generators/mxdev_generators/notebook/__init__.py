"""The generator Notebook."""
