"""The page `demo`: what the registered model makes of an upload."""
