"""Durable runs: what is recorded of them, who may execute them, how they are driven, paced and stopped."""
