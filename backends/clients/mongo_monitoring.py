"""PyMongo's pool and heartbeat events, counted. Apart from the clients because importing it imports the driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import monitoring

from backends.clients.pool_counts import MongoPoolCounter


def listeners(counter: MongoPoolCounter) -> Sequence[Any]:
    """Listeners that feed the counter."""
    return [_PoolListener(counter), _HeartbeatListener(counter), _TopologyListener(counter)]


_REASONS = {
    monitoring.ConnectionCheckOutFailedReason.TIMEOUT: "timeout",
    monitoring.ConnectionCheckOutFailedReason.POOL_CLOSED: "pool closed",
    monitoring.ConnectionCheckOutFailedReason.CONN_ERROR: "connection error",
}
"""The driver's reasons for which a request gets no connection, in words."""


class _PoolListener(monitoring.ConnectionPoolListener):
    def __init__(self, counter: MongoPoolCounter) -> None:
        self._counter = counter

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None:
        self._counter.opening((event.address, event.connection_id))

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None:
        self._counter.ready((event.address, event.connection_id), event.duration or 0.0)

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None:
        self._counter.closed((event.address, event.connection_id))

    def connection_check_out_started(self, event: monitoring.ConnectionCheckOutStartedEvent) -> None:
        self._counter.wait_started()

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:
        self._counter.wait_failed(_REASONS.get(event.reason, event.reason))

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        self._counter.checked_out((event.address, event.connection_id), event.duration or 0.0)

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        self._counter.checked_in((event.address, event.connection_id))

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None:
        """The limits are known from the client's options."""

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None:
        """No count changes."""

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None:
        """Each connection's closing is counted by its own event."""

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None:
        """Each connection's closing is counted by its own event."""


class _HeartbeatListener(monitoring.ServerHeartbeatListener):
    """A monitor has a socket from its first good heartbeat until one that fails."""

    def __init__(self, counter: MongoPoolCounter) -> None:
        self._counter = counter

    def started(self, event: monitoring.ServerHeartbeatStartedEvent) -> None:
        """No count changes."""

    def succeeded(self, event: monitoring.ServerHeartbeatSucceededEvent) -> None:
        self._counter.monitored(event.connection_id, True)

    def failed(self, event: monitoring.ServerHeartbeatFailedEvent) -> None:
        self._counter.monitored(event.connection_id, False)


class _TopologyListener(monitoring.ServerListener):
    """A server that left the replica set is no longer monitored."""

    def __init__(self, counter: MongoPoolCounter) -> None:
        self._counter = counter

    def opened(self, event: monitoring.ServerOpeningEvent) -> None:
        """Counted with its first heartbeat."""

    def description_changed(self, event: monitoring.ServerDescriptionChangedEvent) -> None:
        """No count changes."""

    def closed(self, event: monitoring.ServerClosedEvent) -> None:
        self._counter.monitored(event.server_address, False)
