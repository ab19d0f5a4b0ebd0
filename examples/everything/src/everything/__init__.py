"""The package of this project: data, model, trainer and evaluation."""
