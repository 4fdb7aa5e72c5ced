"""Every rule: the founding documents' thresholds and the console's own, and which file changes one."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from backends.alerts.engine import is_beyond
from backends.alerts.model import Compare, Rule
from backends.alerts.table_platform import PLATFORM
from backends.alerts.table_work import WORK
from backends.safety.text import display_text
from backends.sampling.state import State

RULES: Final[tuple[Rule, ...]] = (*PLATFORM, *WORK)
GROUPS: Final = tuple(dict.fromkeys(rule.group for rule in RULES))
FILE: Final = "alerts.toml"

_SEVERITIES: Final = {"warning": State.WARNING, "critical": State.CRITICAL}


class Malformed(ValueError):
    """The file can't be used; the message names the file and what is wrong in it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Rules and how people are told: bell rings the terminal's when something new fires, osc9 notifies through it."""

    rules: tuple[Rule, ...] = RULES
    bell: bool = False
    osc9: bool = False


def settings_in(folder: Path) -> Settings:
    """The rules as `alerts.toml` of the state folder changes them. Raises Malformed."""
    path = folder / FILE
    try:
        content = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise Malformed(f"{display_text(path)} can't be read: {display_text(error)}") from error
    try:
        return _settings(content, display_text(path))
    except ValueError as error:
        raise Malformed(f"{display_text(path)}: {display_text(error)}") from error


def _settings(content: Mapping[str, Any], origin: str) -> Settings:
    notify, changes = _table(content.get("notify", {}), "notify"), _by_id(_table(content.get("rule", {}), "rule"))
    _only(content, ("notify", "rule"), "the file")
    _only(notify, ("bell", "osc9"), "notify")
    _only(changes, [rule.id for rule in RULES], "rule")
    rules = tuple(_changed(rule, _table(changes.get(rule.id, {}), rule.id), origin) for rule in RULES)
    return Settings(rules, _flag(notify, "bell"), _flag(notify, "osc9"))


def _by_id(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tables by their rule's id, whose dot TOML takes for a table inside a table where it isn't quoted."""
    groups = {key: value for key, value in given.items() if key in GROUPS and isinstance(value, dict)}
    inner = {f"{group}.{name}": value for group, table in groups.items() for name, value in table.items()}
    return {**{key: value for key, value in given.items() if key not in groups}, **inner}


def _changed(rule: Rule, given: Mapping[str, Any], origin: str) -> Rule:
    """The rule with what the file says of it. A threshold without a clear level clears where it isn't passed."""
    if not given:
        return rule
    _only(given, _FIELDS, rule.id)
    values = {_FIELDS[key][0]: _FIELDS[key][1](rule.id, key, value) for key, value in given.items()}
    if "threshold" in values and "clear" not in values:
        at_once = values["threshold"]
        values["clear"] = math.nextafter(at_once, -math.inf) if rule.compare is Compare.FROM else at_once
    changed = replace(rule, **values, origin=origin)
    if is_beyond(changed, changed.clear):
        raise ValueError(f"clear of {rule.id} is beyond its threshold")
    return changed


def _number(rule: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
        raise ValueError(f"{key} of {rule} must be a number")
    return float(value)


def _time(rule: str, key: str, value: object) -> float:
    number = _number(rule, key, value)
    if number < 0:
        raise ValueError(f"{key} of {rule} must be seconds, 0 or more")
    return number


def _count(rule: str, key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{key} of {rule} must be a whole number from 1")
    return value


def _severity(rule: str, key: str, value: object) -> State:
    if value not in _SEVERITIES:
        raise ValueError(f"{key} of {rule} must be warning or critical")
    return _SEVERITIES[str(value)]


def _text(rule: str, key: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} of {rule} must be a text")
    return display_text(value)


_FIELDS: Final[Mapping[str, tuple[str, Callable[[str, str, object], Any]]]] = {
    "threshold": ("threshold", _number),
    "clear": ("clear", _number),
    "for": ("for_s", _time),
    "stale": ("stale_s", _time),
    "in_a_row": ("in_a_row", _count),
    "severity": ("severity", _severity),
    "todo": ("todo", _text),
}
"""What the file may say of a rule → the rule's field, and what reads it."""


def _table(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a table")
    return value


def _flag(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"{key} of notify must be true or false")
    return value


def _only(table: Iterable[str], known: Iterable[str], where: str) -> None:
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ValueError(f"{where} has no {unknown[0]!r}")
