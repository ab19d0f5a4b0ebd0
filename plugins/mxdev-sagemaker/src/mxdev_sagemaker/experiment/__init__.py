"""Experiment: the repository of an experiment for SageMaker Studio, whose runs can be repeated."""
