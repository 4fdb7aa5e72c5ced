"""Configuration health: every setting, where it came from, what it breaks."""
