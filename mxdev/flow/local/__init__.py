"""Runs on this machine: which there are in the project's own store, and what they printed."""
