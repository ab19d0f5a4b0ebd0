"""The generator BeamPipeline."""
