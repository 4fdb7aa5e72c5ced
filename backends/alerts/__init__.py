"""The overview: one state per system, worst first."""
