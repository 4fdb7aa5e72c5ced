"""Starts, wires and governs the console: application, command line, settings, demo stack."""

__version__ = "0.1.0"
