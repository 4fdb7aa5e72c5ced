"""Bot sessions of the orchestration service."""
