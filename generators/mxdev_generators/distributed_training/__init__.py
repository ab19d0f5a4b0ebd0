"""The generator DistributedTraining."""
