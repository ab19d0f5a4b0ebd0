"""System calls that Python has no function for, and paths that are reached from an open folder."""
