"""Every write of a plan and of state: all or nothing, also on `kill -9`."""
