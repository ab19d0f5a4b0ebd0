"""What `mx lint` prints."""
