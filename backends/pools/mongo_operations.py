"""What a Mongo server runs just now, operation by operation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from backends.pools.groups import safe_name
from backends.pools.model import Session
from backends.safety.secrets import mask
from backends.safety.text import display_text

MOST: Final = 50
"""Operations that are listed."""

COMMAND_LIMIT: Final = 400
"""Characters of a command that are shown."""

RUNNING: Final = (
    {
        "$match": {
            "active": True,
            "connectionId": {"$exists": True},
            "command.maxAwaitTimeMS": {"$exists": False},
            "command.aggregate": {"$ne": 1},
        }
    },
    {"$sort": {"microsecs_running": -1}},
    {"$limit": MOST},
)
"""Stages that keep what runs, the longest first, without monitors and without this listing itself."""

_IDLE: Final = frozenset({"hello", "ismaster", "isMaster", "ping", "currentOp", "endSessions", "saslStart"})
"""Commands with which drivers look after their connections."""

_ENVELOPE: Final = frozenset({"lsid", "cursor", "txnNumber", "apiVersion"})


def last_commands(operations: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The connections that last ran a command worth naming, for servers that don't tell which still runs."""
    named = [each for each in operations if "connectionId" in each and each.get("op") not in _IDLE and _name(each)]
    return named[:MOST]


def sessions(operations: Iterable[Mapping[str, Any]], *, tells: bool) -> tuple[Session, ...]:
    """Operations as they are shown. tells: whether the server says which run, and for how long."""
    return tuple(_session(each, tells) for each in operations if _opid(each) is not None)


def _session(operation: Mapping[str, Any], tells: bool) -> Session:
    micros = operation.get("microsecs_running")
    return Session(
        _opid(operation) or 0,
        identity(operation),
        safe_name(_text(operation.get("appName")) or _application(operation)) or None,
        safe_name(_user(operation)),
        safe_name(_text(operation.get("client")).rpartition(":")[0]),
        safe_name(_text(operation.get("ns")).partition(".")[0]),
        "active" if tells else "last ran",
        micros / 1e6 if tells and isinstance(micros, int | float) else None,
        "Lock" if operation.get("waitingForLock") else "",
        in_words(operation),
    )


def identity(operation: Mapping[str, Any]) -> str:
    """What tells an operation from a later one of the same number: its connection and its client's address."""
    return safe_name(f"{operation.get('connectionId', '')} {_text(operation.get('client'))}")


def in_words(operation: Mapping[str, Any]) -> str:
    """The command in one line, masked.

    >>> in_words({"ns": "bayit.content", "command": {"find": "content", "filter": {"year": 1}, "lsid": 1, "$db": "b"}})
    'bayit.content {"find": "content", "filter": {"year": 1}}'
    """
    command = operation.get("command")
    kept = {name: value for name, value in command.items() if _is_own(name)} if isinstance(command, Mapping) else {}
    text = json.dumps(kept, default=str, ensure_ascii=False)
    return display_text(mask(f"{_text(operation.get('ns'))} {text}".strip()), COMMAND_LIMIT)


def _is_own(name: str) -> bool:
    return name not in _ENVELOPE and not name.startswith("$")


def _name(operation: Mapping[str, Any]) -> str:
    return _text(operation.get("op"))


def _opid(operation: Mapping[str, Any]) -> int | str | None:
    number = operation.get("opid")
    return number if isinstance(number, int | str) and not isinstance(number, bool) else None


def _application(operation: Mapping[str, Any]) -> str:
    metadata = operation.get("clientMetadata")
    application = metadata.get("application") if isinstance(metadata, Mapping) else None
    return _text(application.get("name")) if isinstance(application, Mapping) else ""


def _user(operation: Mapping[str, Any]) -> str:
    users = operation.get("effectiveUsers")
    first = users[0] if isinstance(users, list) and users else None
    return _text(first.get("user")) if isinstance(first, Mapping) else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
