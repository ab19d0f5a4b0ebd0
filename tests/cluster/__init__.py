"""Tests of `mxdev/cluster`: pure parts, kubectl as a process, and the real control plane."""
