"""`mx flow rerun`: repeat a run from what it logged."""
