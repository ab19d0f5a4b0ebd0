"""Named parts of YAML and text files that several instances share."""
