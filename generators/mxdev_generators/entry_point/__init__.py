"""The generator EntryPoint."""
