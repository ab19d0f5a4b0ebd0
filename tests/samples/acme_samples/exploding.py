"""A module that cannot be imported: nothing that only lists generators may notice."""

raise RuntimeError("exploding was imported")
