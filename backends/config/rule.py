"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from backends.config.catalogue import by_id
from backends.config.model import Finding, Status
from backends.config.values import Values

GENERATOR = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
"""What makes a value for a secret."""


@dataclass(frozen=True, slots=True)
class Breach:
    """Where a rule is broken: the setting, what is wrong, a line to paste, and the chain that leads there.

    status: another than the rule's own, where it depends on the case.
    """

    id: str
    message: str
    remedy: str = ""
    chain: tuple[str, ...] = ()
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold.

    fields: the settings that it looks at. why: the rule in words. breaks: the feature that it guards.
    find: gives where it is broken. Messages name variables, never their values.
    """

    name: str
    fields: tuple[str, ...]
    status: Status
    why: str
    breaks: str
    find: Callable[[Values], Iterable[Breach]]

    def findings(self, values: Values) -> Iterator[Finding]:
        """What is wrong."""
        for each in self.find(values):
            yield Finding(
                each.id,
                self.name,
                each.status or self.status,
                each.message,
                each.remedy,
                self.why,
                self.breaks,
                each.chain,
            )


def name_of(id_: str) -> str:
    """The variable of a setting."""
    return by_id()[id_].name


def assign(id_: str, value: str = "") -> str:
    """A line to paste; of a secret only the name, with what generates one."""
    spec = by_id()[id_]
    if not value and spec.secret:
        return f"{spec.name}="
    return f"{spec.name}={value}"


def generate(id_: str) -> str:
    """A line to paste for a secret that one makes oneself."""
    return f"{name_of(id_)}=  # {GENERATOR}"


def missing(values: Values, id_: str) -> bool:
    """Whether a setting is empty; one that is set to what can't be used is another finding."""
    return not values.text(id_) and id_ not in values.invalid
