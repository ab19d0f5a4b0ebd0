"""The ventures' plugins: distributions of their own, on public names of mx only."""
