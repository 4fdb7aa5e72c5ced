"""The settings' values, validated class by class: what each is, and why one can't be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from backends.config.catalogue import GROUPS, Group, by_id, specs
from backends.config.kind import environment_kind, is_production
from backends.config.platform import Section
from backends.config.sources import DEFAULT, NOT_SET, Raw, Sources, candidates


@dataclass(frozen=True, slots=True)
class Values:
    """Every setting's value. They are not masked: never show one.

    typed: path → value, the default where what is set can't be used. found: path → candidates, the winner first.
    invalid: path → why what is set can't be used.
    """

    environment: str
    typed: Mapping[str, Any]
    found: Mapping[str, tuple[Raw, ...]]
    invalid: Mapping[str, str]
    sources: Sources = field(default_factory=lambda: Sources({}))

    @property
    def production(self) -> bool:
        """Whether it is treated as production."""
        return is_production(self.environment)

    def __getitem__(self, id_: str) -> Any:
        return self.typed[id_]

    def text(self, id_: str) -> str:
        """The value as text, empty where there is none."""
        value = self.typed[id_]
        return "" if value is None else str(value).strip()

    def winner(self, id_: str) -> Raw | None:
        """What sets it; None where nothing does, or something empty that counts as nothing."""
        return next((raw for raw in self.found[id_][:1] if raw.value.strip() or not by_id()[id_].ignore_empty), None)

    def where(self, id_: str) -> str:
        """Where the value comes from, in words."""
        winner = self.winner(id_)
        if winner is not None:
            return winner.where
        return NOT_SET if by_id()[id_].default in ("", None) else DEFAULT

    def with_value(self, id_: str, value: object) -> Values:
        """The same, with one value another."""
        return replace(self, typed={**self.typed, id_: value})


def read_values(sources: Sources) -> Values:
    """Validates everything that is set; what can't be used is told, never raised."""
    by_name = sources.by_name()
    found = {spec.id: candidates(spec, by_name) for spec in specs()}
    typed: dict[str, Any] = {}
    invalid: dict[str, str] = {}
    for group in GROUPS:
        values, errors = _validated(group, found)
        typed |= values
        invalid |= errors
    return Values(environment_kind(sources.merged()), typed, found, invalid, sources)


def _validated(group: Group, found: Mapping[str, tuple[Raw, ...]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Values and errors of one class, by path."""
    own = {spec.field: spec for spec in specs() if spec.group == group.key}
    given = {
        field: raw.value
        for field, spec in own.items()
        for raw in found[spec.id][:1]
        if raw.value.strip() or not spec.ignore_empty
    }
    errors: dict[str, str] = {}
    section, told = _build(group.cls, given)
    while told.keys() & given.keys() - errors.keys():
        errors = told | errors
        given = {field: value for field, value in given.items() if field not in told}
        section, told = _build(group.cls, given)
    errors = told | errors
    values = {spec.id: getattr(section, field) for field, spec in own.items()}
    return values, {own[field].id: message for field, message in errors.items() if field in own}


def _build(cls: type[Section], given: Mapping[str, str]) -> tuple[Section, dict[str, str]]:
    """An instance of exactly these values, and field → message of what is wrong with them.

    A settings class called by itself would look at the process's variables too.
    """
    section = cls.__new__(cls)
    try:
        BaseModel.__init__(section, **given)
    except ValidationError as error:
        return section, dict(map(_told, error.errors(include_input=False, include_url=False)))
    return section, {}


def _told(error: ErrorDetails) -> tuple[str, str]:
    """Field and message; an error of several fields together names the one that it is about in its context."""
    field = error["loc"][0] if error["loc"] else error.get("ctx", {}).get("field", "")
    return str(field), in_words(error["msg"])


def in_words(message: str) -> str:
    """pydantic's message about a value.

    >>> in_words("Input should be less than or equal to 5"), in_words("Value error, must have 32 characters")
    ('should be less than or equal to 5', 'must have 32 characters')
    """
    for prefix in ("Value error, ", "Input "):
        message = message.removeprefix(prefix)
    return message


def plain(value: object) -> str:
    """A default as one would write it into a file.

    >>> plain(True), plain(0.00004), plain(None), plain(60.0)
    ('true', '0.00004', '', '60')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)
