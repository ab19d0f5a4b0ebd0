"""The project that everything else is added to."""
