"""Readings with their time, and the one loop that takes them."""
