"""mx's own rules."""
