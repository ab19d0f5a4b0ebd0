"""From trees, pristine and disk to the ordered list of changes."""
