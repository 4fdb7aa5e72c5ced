"""Migrations: what would be moved, and how far that is. Nothing here writes."""
