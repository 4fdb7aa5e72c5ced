"""Which process is at which database: what is seen, what is remembered, and what follows from it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from backends.clients.errors import AccessDenied
from backends.clients.naming import application_name
from backends.migrations.olorin.model import Light, Process
from backends.migrations.olorin.processes import processes_gate, seen
from backends.pools.model import Use
from backends.pools.mongo_groups import uses
from tests.olorin import T0

BOTH = ("bayit", "olorin")
MINUTE = timedelta(minutes=1)


def test_operations_say_who_is_where() -> None:
    """As mongod groups them, and as the older command lists them one by one."""
    grouped: list[dict[str, Any]] = [{"_id": {"app": "api", "ns": "bayit.usage_records"}}, {"_id": {"ns": ""}}]
    listed: list[dict[str, Any]] = [
        {"connectionId": 7, "appName": "api", "ns": "bayit.usage_records"},
        {"connectionId": 8, "clientMetadata": {"application": {"name": "api\x1b"}}},
        {"desc": "a thread of the server's own", "ns": "local.oplog.rs"},
    ]
    assert uses(grouped) == {Use("api", "bayit.usage_records"), Use(None, "")}
    assert uses(listed) == {Use("api", "bayit.usage_records"), Use("api\u241b", "")}


def test_a_process_is_remembered_by_where_it_was_seen() -> None:
    first = seen({}, [Use("api", "bayit.recap_sessions"), Use("api", "bayit.users"), Use(None, "")], BOTH, T0)
    assert first == {
        "api": Process("api", connected=True, old=T0, at_old="recap_sessions", told=True),
        "(no name)": Process("(no name)", connected=True),
    }
    later = seen(
        first, [Use("api", "olorin.recap_sessions"), Use(application_name(), "bayit.usage_records")], BOTH, T0 + MINUTE
    )
    both = Process("api", connected=True, old=T0, at_old="recap_sessions", new=T0 + MINUTE, told=True)
    assert later["api"] == both
    assert not later["(no name)"].connected
    assert set(later) == set(first)


@pytest.mark.parametrize(
    ("processes", "light"),
    [
        ([Process("api", True, old=T0 - MINUTE, at_old="usage_records", new=T0)], Light.RED),
        ([Process("api", True, old=T0 - 2 * MINUTE, at_old="usage_records", new=T0)], Light.OK),
        ([Process("api", True)], Light.WARNING),
        ([Process("api", True, new=T0), Process("worker", True, old=T0 - 2 * MINUTE)], Light.RED),
        ([Process("api", True, new=T0), Process("worker", False, old=T0 - 2 * MINUTE)], Light.OK),
        ([Process("api", True, new=T0), Process("idle", True, told=True)], Light.WARNING),
        ([Process("api", False)], Light.NO_DATA),
        ([], Light.NO_DATA),
        (AccessDenied("Not allowed."), Light.NO_DATA),
    ],
)
def test_what_follows_from_it(processes: list[Process] | AccessDenied, light: Light) -> None:
    assert processes_gate(True, processes, T0).status is light
    assert processes_gate(False, processes, T0).status is Light.OK


def test_what_a_server_does_not_tell_is_said() -> None:
    untold = processes_gate(True, [Process("api", True)], T0).why
    assert untold == "connected, but the server does not tell which database is used: api"
    assert "not seen at either" in processes_gate(True, [Process("api", True, told=True)], T0).why
