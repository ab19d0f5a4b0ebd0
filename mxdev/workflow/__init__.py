"""What a command does with a project: render, values, update, apply, drift."""
