"""Deadlines for the few readings that may take longer than a client's own: scans, which wait for a whole sort."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def answer_within(seconds: float) -> Iterator[None]:
    """Inside the block a Mongo operation may take this long, here and on the server, whatever the client's timeouts."""
    import pymongo

    with pymongo.timeout(seconds):
        yield
