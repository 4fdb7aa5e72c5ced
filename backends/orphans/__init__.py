"""References whose parent is missing: found, counted, browsed."""
