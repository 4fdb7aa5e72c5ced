"""Mongo, Postgres, model and HTTP clients: opened once, closed once, errors mapped once."""
