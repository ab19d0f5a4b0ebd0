"""`mx deploy`, `mx purge`: what a project runs on its cluster, by DevSpace, or by kubectl and Helm."""
