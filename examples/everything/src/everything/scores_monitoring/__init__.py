"""What the endpoint `scores` is asked, against what its model was trained on: `python -m everything.scores_monitoring`."""
