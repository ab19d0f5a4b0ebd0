"""`mx promote`: a release goes into an environment by a commit to its manifests, and back to the one before."""
