"""One file per command: parse, call, print, return an exit code."""
