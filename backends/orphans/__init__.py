"""References whose parent is missing: scanned by merging, browsed by key. Nothing here writes to a database."""
