"""Bots that run: asked for, watched and ended over the orchestration service's HTTP, behind one interface."""
