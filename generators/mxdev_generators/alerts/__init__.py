"""The generator Alerts."""
