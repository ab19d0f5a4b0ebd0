"""The generator Acceptance."""
