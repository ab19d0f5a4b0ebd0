"""What stands at a path of a project: its bytes, how Git sees them, and where a person renamed it to."""
