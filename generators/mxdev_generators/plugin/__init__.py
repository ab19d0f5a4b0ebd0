"""The Plugin generator."""
