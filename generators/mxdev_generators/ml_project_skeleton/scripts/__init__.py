"""Programs that a rendered project runs in other people's images; they are put into its manifests as they are."""
