"""What must hold of values beyond their own range: names, spelling, and numbers that belong together."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from backends.config.catalogue import GROUPS, by_id, specs
from backends.config.kind import KINDS
from backends.config.model import Status
from backends.config.rule import Breach, Rule, assign, generate, name_of
from backends.config.rules_needed import OLORIN_NAME, SALT, because
from backends.config.values import Values, plain

EVERY: Final = tuple(spec.id for spec in specs())
LENIENT: Final = frozenset(group.key for group in GROUPS if group.lenient)
JUDGED: Final = frozenset(group.key for group in GROUPS if group.judged)
RENAMED: Final = tuple(spec.id for spec in specs() if spec.older_names)
KIND: Final = "platform.environment"
MODEL: Final = "olorin.embedding.model"
DIMENSIONS: Final = "olorin.embedding.dimensions"
FIRST_DELAY: Final = "olorin.resilience.retry_initial_delay_seconds"
LAST_DELAY: Final = "olorin.resilience.retry_max_delay_seconds"
LOG_LEVELS: Final = ("orchestration.log_level", "drafting.log_level")
NAMES: Final = ("platform.mongodb_db_name", OLORIN_NAME)
BUDGETS: Final = ("librarian.min_budget_usd", "librarian.default_budget_usd", "librarian.max_budget_usd")

LONGEST_VECTORS: Final = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
"""Dimensions that a model gives at most."""


def _unusable(values: Values) -> Iterator[Breach]:
    for id_, reason in values.invalid.items():
        spec = by_id()[id_]
        if spec.group not in JUDGED:
            continue
        allowed = f" (it may be {spec.range})" if spec.range else ""
        remedy = generate(id_) if id_ == SALT else assign(id_, plain(spec.default))
        status = Status.WARN if spec.group in LENIENT else None
        needed = because(values, id_)
        chain = (*needed, f"{spec.name} can't be used") if needed else ()
        yield Breach(id_, f"{spec.name} {reason}{allowed}", remedy, chain, status)


def _old_names(values: Values) -> Iterator[Breach]:
    for id_ in RENAMED:
        spec, found = by_id()[id_], values.found[id_]
        old = next((raw for raw in found if raw.name in spec.older_names), None)
        if old is None:
            continue
        new = next((raw for raw in found if raw.name == spec.name), None)
        if new is not None and new.value != old.value:
            message = f"{spec.name} ({new.where}) and {old.name} ({old.where}) have two different values"
            yield Breach(id_, message, f"{spec.name}=  # and delete {old.name}", status=Status.FAIL)
        else:
            message = f"{old.name} ({old.where}) is an old name of {spec.name}"
            yield Breach(id_, message, f"# {old.name}=" if new else f"{spec.name}=  # the value of {old.name}")


def _spelling(values: Values) -> Iterator[Breach]:
    for id_ in EVERY:
        spec, winner = by_id()[id_], values.winner(id_)
        if winner is not None and winner.name not in {spec.name, *spec.older_names}:
            message = f"{winner.name} ({winner.where}) is taken for {spec.name}, but not by the console"
            yield Breach(id_, message, f"{spec.name}=  # the value of {winner.name}")


def _stray(values: Values) -> Iterator[Breach]:
    for id_ in EVERY:
        winner = values.winner(id_)
        if winner is None or not winner.value:
            continue
        if winner.value != winner.value.strip():
            yield Breach(
                id_,
                f"{winner.name} ({winner.where}) begins or ends with white space",
                f"{winner.name}=  # the value without the white space around it",
            )
        elif any(unicodedata.category(char) in {"Cc", "Cf"} for char in winner.value):
            yield Breach(
                id_,
                f"{winner.name} ({winner.where}) holds control or invisible characters",
                f"{winner.name}=  # the value, typed anew",
            )


def _kind(values: Values) -> Iterator[Breach]:
    if values.environment not in KINDS:
        message = f"ENVIRONMENT is none of {', '.join(KINDS)}; it is treated as " + (
            "production" if values.production else "no production"
        )
        yield Breach(KIND, message, assign(KIND, "production" if values.production else "development"))


def _dimensions(values: Values) -> Iterator[Breach]:
    most = LONGEST_VECTORS.get(values.text(MODEL))
    if most is not None and values[DIMENSIONS] > most:
        message = f"{name_of(DIMENSIONS)} is more than {values.text(MODEL)} gives ({most:,})"
        yield Breach(DIMENSIONS, message, assign(DIMENSIONS, str(most)))


def _levels(values: Values) -> Iterator[Breach]:
    for id_ in LOG_LEVELS:
        if values.text(id_) and values.text(id_).upper() not in logging.getLevelNamesMapping():
            yield Breach(id_, f"{name_of(id_)} is no level of severity (INFO, WARNING, …)", assign(id_, "INFO"))


def _nameless(values: Values) -> Iterator[Breach]:
    for id_ in NAMES:
        if values.winner(id_) is not None and not values.text(id_):
            message = f"{name_of(id_)} is empty, which is no database's name"
            yield Breach(id_, message, assign(id_, plain(by_id()[id_].default)))


def _delays(values: Values) -> Iterator[Breach]:
    if values[FIRST_DELAY] > values[LAST_DELAY]:
        message = f"{name_of(FIRST_DELAY)} is longer than {name_of(LAST_DELAY)}"
        yield Breach(FIRST_DELAY, message, assign(FIRST_DELAY, plain(values[LAST_DELAY])))


def _budgets(values: Values) -> Iterator[Breach]:
    given = [(id_, values[id_]) for id_ in BUDGETS if values[id_] is not None]
    for (lower, least), (higher, most) in pairwise(given):
        if least > most:
            yield Breach(lower, f"{name_of(lower)} is more than {name_of(higher)}", assign(lower, plain(most)))


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "usable value", EVERY, Status.FAIL, "A value has a type and a range.", "the start of what reads it", _unusable,
    ),
    Rule(
        "one name", RENAMED, Status.WARN, "A setting is set under one name, the new one.",
        "the right database: it depends on who reads which name", _old_names,
    ),
    Rule("spelling", EVERY, Status.WARN, "Variables are spelled in capitals.", "the console's view of it", _spelling),
    Rule("no stray characters", EVERY, Status.WARN, "A value is what one sees.", "what uses the value", _stray),
    Rule(
        "known environment", (KIND,), Status.WARN, f"ENVIRONMENT is one of {', '.join(KINDS)}.",
        "the platform's own checks, which look for production by that word", _kind,
    ),
    Rule(
        "vector length", (MODEL, DIMENSIONS), Status.FAIL, "A model gives vectors up to its own length.",
        "search by meaning", _dimensions,
    ),
    Rule(
        "known log level", LOG_LEVELS, Status.WARN, "A level of severity is one that the log knows.",
        "the log: it keeps to its default", _levels,
    ),
    Rule(
        "database named", NAMES, Status.FAIL, "A database has a name.", "every access to the database", _nameless,
    ),
    Rule(
        "retry delays", (FIRST_DELAY, LAST_DELAY), Status.WARN, "The first delay is not longer than the longest.",
        "growing delays between retries", _delays,
    ),
    Rule(
        "budgets in order", BUDGETS, Status.WARN, "Least, default and most budget are in this order.",
        "audits of the library", _budgets,
    ),
)  # fmt: skip
