"""The generator Model."""
