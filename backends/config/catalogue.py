"""Every setting that is known: where it is in the tree, which variable sets it, what it may be.

All of it is read from the settings classes, so that a field exists once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from annotated_types import Ge, Gt, Le
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from backends.config.drafting import DraftingVariables
from backends.config.flat import PlatformVariables
from backends.config.librarian import LibrarianSettings
from backends.config.orchestration import AudioChunkingConfig, OrchestrationVariables
from backends.config.own import ConsoleVariables
from backends.config.platform import SECTIONS, FeatureFlags, Section
from backends.safety.secrets import is_secret_name

Kind = Literal["text", "number", "flag"]


@dataclass(frozen=True, slots=True)
class Group:
    """A settings class: its short key, the path of its fields, the name it is known by.

    judged: whether pydantic judges its values; lenient: whether a value that does not fit is only a warning, since its
    variables have names that other programs use too.
    """

    key: str
    path: str
    title: str
    cls: type[Section]
    judged: bool = True
    lenient: bool = False

    @property
    def prefix(self) -> str:
        """What its variables begin with; empty where they are routed by name."""
        return str(self.cls.model_config.get("env_prefix", ""))


@dataclass(frozen=True, slots=True)
class Spec:
    """A setting: path, variable, older names of the variable, default and range in words.

    any_case: whether the variable may be spelled in any case; ignore_empty: whether an empty one counts as not set;
    by_field: whether a variable of the field's own name sets it too.
    """

    id: str
    group: str
    title: str
    field: str
    name: str
    older_names: tuple[str, ...]
    default: Any
    range: str
    kind: Kind
    secret: bool
    description: str
    any_case: bool
    ignore_empty: bool
    by_field: bool


GROUPS: Final[tuple[Group, ...]] = (
    Group("platform", "platform", "Platform", PlatformVariables),
    Group("olorin", "olorin", "OlorinSettings", FeatureFlags),
    *(Group(key, f"olorin.{key}", cls.__name__, cls) for key, cls in SECTIONS.items()),
    Group("librarian", "librarian", "Librarian", LibrarianSettings),
    Group("orchestration", "orchestration", "Orchestration", OrchestrationVariables, lenient=True),
    Group("audio", "audio", "AudioChunkingConfig", AudioChunkingConfig),
    Group("drafting", "drafting", "Drafting", DraftingVariables),
    Group("console", "console", "Console", ConsoleVariables, judged=False),
)
"""The settings classes in the order in which they are shown."""

SHARED_PREFIXES: Final = ("OLORIN_",)
"""Prefixes of classes whose variables are spelled out or shared by several classes."""

ELSEWHERE: Final = frozenset({"OLORIN_FAULTS", "OLORIN_DEMO_ENV_FILE"})
"""Names with a known prefix that the console's own tests and demo use."""


@cache
def specs() -> tuple[Spec, ...]:
    """Every setting, class by class."""
    return tuple(_specs())


@cache
def by_id() -> dict[str, Spec]:
    """Path → setting."""
    return {spec.id: spec for spec in specs()}


@cache
def known_prefixes() -> tuple[str, ...]:
    """Prefixes that belong to these settings alone, so that an unknown name behind one is a mistake."""
    return tuple(sorted({group.prefix for group in GROUPS if group.prefix} | set(SHARED_PREFIXES)))


@cache
def known_names() -> frozenset[str]:
    """Every variable that something reads, older names included."""
    names = {name for spec in specs() for name in (spec.name, *spec.older_names)}
    return frozenset(names | ELSEWHERE)


def _specs() -> Iterator[Spec]:
    for group in GROUPS:
        config = group.cls.model_config
        for field, info in group.cls.model_fields.items():
            name, older = _names(field, info, group.prefix, bool(config.get("case_sensitive")))
            yield Spec(
                id=f"{group.path}.{field.lower()}",
                group=group.key,
                title=group.title,
                field=field,
                name=name,
                older_names=older,
                default=info.default,
                range=_range(info),
                kind=_kind(info),
                secret=_kind(info) == "text" and is_secret_name(name),
                description=info.description or "",
                any_case=not config.get("case_sensitive") and bool(group.prefix),
                ignore_empty=bool(config.get("env_ignore_empty")),
                by_field=bool(config.get("populate_by_name")),
            )


def _names(field: str, info: FieldInfo, prefix: str, exact: bool) -> tuple[str, tuple[str, ...]]:
    """The variable of a field, and its older names."""
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        first, *older = (str(choice) for choice in alias.choices)
        return first, tuple(older)
    if isinstance(alias, str):
        return alias, ()
    return (field if exact else f"{prefix}{field}".upper()), ()


def _range(info: FieldInfo) -> str:
    """The range in words, empty where there is none."""
    least = next((item.ge for item in info.metadata if isinstance(item, Ge)), None)
    most = next((item.le for item in info.metadata if isinstance(item, Le)), None)
    above = next((item.gt for item in info.metadata if isinstance(item, Gt)), None)
    if least is not None and most is not None:
        return f"{least:,} to {most:,}"
    if above is not None:
        return f"more than {above:,}"
    return f"{least:,} or more" if least is not None else ""


def _kind(info: FieldInfo) -> Kind:
    kind = str(info.annotation)
    if "bool" in kind:
        return "flag"
    return "number" if "int" in kind or "float" in kind else "text"
