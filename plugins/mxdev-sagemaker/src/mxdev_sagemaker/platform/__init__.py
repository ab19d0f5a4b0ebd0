"""The repository of everything that all squads share."""
