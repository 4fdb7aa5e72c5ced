"""References whose parent is missing: scanned by merging, browsed by key, cleaned up and restored as runs."""
