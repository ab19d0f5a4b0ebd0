"""`mx data`, `mx labels`: the files that models learn from, in their bucket, and the labels that people give them in CVAT."""
