"""Backups that are proven by restoring them, and the gate that asks for one."""
