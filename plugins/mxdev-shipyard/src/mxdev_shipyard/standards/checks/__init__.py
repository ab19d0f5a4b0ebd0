"""The tests of the standards, one file for each; `mx check` runs them, each on a repository that it is given."""
