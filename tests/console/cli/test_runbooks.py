"""Each command of the runbooks is right as it is typed: the command line takes it whole, and it does what is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.core import ParameterSource

from backends.alerts.runbooks import RUNBOOKS, Step, pages_for
from backends.alerts.table import RULES
from console.cli.main import olorin
from console.jobs import JOBS

FILLED = {"ID": "6f" * 12, "RUN_ID": "clean-1", "NAME": "before", "HASH": "0123abcd", "N": "50"}
"""What a person puts in the place of capitals."""

STEPS = [(name, step) for name, page in RUNBOOKS.items() for step in page.steps if step.command]
EVERY = pytest.mark.parametrize(("page", "step"), STEPS, ids=[f"{name}: {step.command}" for name, step in STEPS])

MODES = {
    "olorin migrate olorin": {"status", "dry_run", "execute", "verify", "cleanup", "rollback"},
    "olorin migrate chunks": {
        "status", "dry_run", "rehearse", "execute", "swap", "verify", "rollback", "drop_backup",
    },
    "olorin orphans clean": {"dry_run", "execute"},
}  # fmt: skip
"""Commands that take exactly one of these, which they say themselves only once they run."""


def understood(step: Step, folder: Path) -> tuple[str, dict[str, Any]]:
    """The command that the command line takes the step for, and what was given to it. Raises UsageError."""
    other = folder / "other.env"
    other.touch()
    filled = {**FILLED, "OTHER_ENV_FILE": str(other)}
    words = [filled.get(word, word) for word in step.command.split()]
    assert not [word for word in words if word.isupper()], "nobody says what to put there"
    command: click.Command = olorin
    context = command.make_context("olorin", words, resilient_parsing=False)
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None, name
        command, context = found, found.make_context(name, list(words), parent=context)
    asked = ParameterSource.COMMANDLINE
    told = {name: each for name, each in context.params.items() if context.get_parameter_source(name) is asked}
    return context.command_path, {name.removesuffix("_").removesuffix("_hash"): each for name, each in told.items()}


@EVERY
def test_the_command_line_takes_it_whole_and_does_what_the_step_says(page: str, step: Step, tmp_path: Path) -> None:
    path, given = understood(step, tmp_path)
    says, one_of = step.text.lower(), MODES.get(path)
    assert one_of is None or len(one_of & set(given)) == 1, "it asks for exactly one of them"
    if path == "olorin runs throttle":
        assert ({"pace", "batch"} & set(given) == set()) == ("lift the limit" in says), "without a limit it lifts all"
    if path == "olorin orphans clean" and "execute" in given:
        assert "plan" in given, "the plan that was read, not a fresh one"
    if path == "olorin runs halt":
        assert given["kind"] in JOBS
        assert given.get("lift", False) is ("again" in says)
    if path == "olorin check" and "look again" in says and "only" in given:
        assert {rule.group for rule in RULES if rule.runbook == page} == {given["only"]}, "it shows every rule of it"


def words_of(page: str) -> Iterator[str]:
    for step in RUNBOOKS[page].steps:
        yield step.command


def test_every_rule_has_its_page() -> None:
    assert {rule.runbook for rule in RULES} <= set(RUNBOOKS)
    assert all(page.steps for page in RUNBOOKS.values())
    assert len(pages_for("orphans")) == 3


def test_what_is_slowed_down_or_stopped_is_let_go_again() -> None:
    """A page that limits or halts something also says how that ends."""
    for page in RUNBOOKS:
        commands = list(words_of(page))
        if any("--pace" in each for each in commands):
            assert "runs throttle ID" in commands
        if any(each.startswith("runs halt") for each in commands):
            assert any(each.endswith("--lift") for each in commands)
