"""Durable runs as every console can read them."""
