"""PyMongo's pool events, counted. Apart from the clients because importing it imports the driver."""

from __future__ import annotations

from pymongo import monitoring

from backends.clients.pool_counts import MongoPoolCounter


def listener(counter: MongoPoolCounter) -> monitoring.ConnectionPoolListener:
    """A listener that feeds the counter."""
    return _PoolListener(counter)


class _PoolListener(monitoring.ConnectionPoolListener):
    def __init__(self, counter: MongoPoolCounter) -> None:
        self._counter = counter

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None:
        self._counter.add(opened=1)

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None:
        self._counter.add(closed=1)

    def connection_check_out_started(self, event: monitoring.ConnectionCheckOutStartedEvent) -> None:
        self._counter.add(waiting=1)

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:
        self._counter.add(waiting=-1)

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        self._counter.add(waiting=-1, active=1)

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        self._counter.add(active=-1)

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None:
        """Counted when it was created."""

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None:
        """The limits are known from the client's options."""

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None:
        """No count changes."""

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None:
        """Each connection's closing is counted by its own event."""

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None:
        """Each connection's closing is counted by its own event."""
