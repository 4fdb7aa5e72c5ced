"""Who a Mongo server's connections belong to, from what `$currentOp` or the older command lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from backends.pools.groups import Group, safe_name
from backends.pools.model import Use

_GROUPING: Final = {
    "$group": {
        "_id": {
            "app": "$appName",
            "driver": "$clientMetadata.driver.name",
            "version": "$clientMetadata.driver.version",
            "host": {
                "$getField": {
                    "field": "captures",
                    "input": {"$regexFind": {"input": "$client", "regex": r"^(.*?)(?::\d+)?$"}},
                }
            },
            "active": "$active",
            "monitor": {"$gt": ["$command.maxAwaitTimeMS", None]},
        },
        "n": {"$sum": 1},
        "longest": {"$max": "$microsecs_running"},
    }
}

GROUPED: Final = ({"$match": {"connectionId": {"$exists": True}}}, _GROUPING)
"""Stages that turn operations into one document a group, so that a thousand connections cost fifty documents."""


def grouped(operations: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The same documents as GROUPED makes, of operations listed one by one."""
    counts: Counter[tuple[Any, ...]] = Counter()
    longest: dict[tuple[Any, ...], int] = {}
    for each in operations:
        if "connectionId" in each:
            key = _key(each)
            counts[key] += 1
            longest[key] = max(longest.get(key, 0), count(each.get("microsecs_running")) or 0)
    names = ("app", "driver", "version", "host", "active", "monitor")
    return [{"_id": dict(zip(names, key, strict=True)), "n": n, "longest": longest[key]} for key, n in counts.items()]


def _key(operation: Mapping[str, Any]) -> tuple[Any, ...]:
    metadata = _mapping(operation.get("clientMetadata"))
    driver, application = _mapping(metadata.get("driver")), _mapping(metadata.get("application"))
    address = _string(operation.get("client"))
    host, colon, port = address.rpartition(":")
    return (
        _string(operation.get("appName") or application.get("name")),
        _string(driver.get("name")),
        _string(driver.get("version")),
        (host if colon and port.isdigit() else address,),
        bool(operation.get("active")),
        _mapping(operation.get("command")).get("maxAwaitTimeMS") is not None,
    )


NAMESPACES: Final = (
    {"$match": {"connectionId": {"$exists": True}, "command.aggregate": {"$ne": 1}}},
    {"$group": {"_id": {"app": "$appName", "ns": "$ns"}}},
)
"""Stages that keep of the operations only which application is at which namespace, without this listing itself."""


def uses(documents: Iterable[Mapping[str, Any]]) -> frozenset[Use]:
    """Who uses what, from NAMESPACES' documents or from operations listed one by one."""
    return frozenset(_use(each.get("_id", each)) for each in documents if "_id" in each or "connectionId" in each)


def _use(operation: Mapping[str, Any]) -> Use:
    application = _mapping(_mapping(operation.get("clientMetadata")).get("application"))
    app = operation.get("app") or operation.get("appName") or application.get("name")
    return Use(safe_name(_string(app)) or None, safe_name(_string(operation.get("ns"))))


def groups(documents: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Groups from GROUPED's documents.

    A server that measures no running time, not even of the listing itself, marks as active whatever ever ran a
    command: which of its connections are active isn't known then.
    """
    documents = list(documents)
    tells = any(count(each.get("longest")) for each in documents)
    return [_group(each["_id"], int(each["n"]), tells) for each in documents]


def _group(key: Mapping[str, Any], n: int, tells: bool) -> Group:
    captures = key.get("host") or [""]
    # Drivers list what wraps them behind bars, as in "PyMongo|Motor" with "4.20.0|3.7.1".
    driver = f"{_bars(key.get('driver'))} {_bars(key.get('version'))}".strip()
    monitoring, active = bool(key.get("monitor")), bool(key.get("active"))
    known = tells and not monitoring
    return Group(
        app=_string(key.get("app")),
        host=_string(captures[0]).strip("[]"),
        driver=driver,
        active=(n if known and active else 0) if tells else None,
        idle=(n if known and not active else 0) if tells else None,
        other=0 if known else n,
        monitors=n if monitoring else 0,
    )


def _bars(value: object) -> str:
    return "+".join(part for part in _string(value).split("|") if part)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def count(value: object) -> int | None:
    """A number that a server gave as a count; None for anything else."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None
