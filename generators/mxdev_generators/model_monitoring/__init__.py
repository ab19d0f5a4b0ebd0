"""The generator ModelMonitoring."""
