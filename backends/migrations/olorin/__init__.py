"""Olorin's separation: seven collections copied to a database of their own, followed, proven, switched, undone."""
