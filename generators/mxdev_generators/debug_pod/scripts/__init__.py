"""Programs that run in the debug pod."""
