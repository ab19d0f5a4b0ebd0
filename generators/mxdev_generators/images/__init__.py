"""Images of others that projects pull: one table with their tags and digests, and what they are called where they are pulled from."""
