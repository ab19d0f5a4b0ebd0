"""The CVATLabelingTool generator."""
