"""The helpers of the experiment."""
