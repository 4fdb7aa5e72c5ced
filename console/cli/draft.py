"""`olorin draft`: the drafting partner, headless."""

from __future__ import annotations

import asyncio
import math
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from backends.drafting.model import Action, Lane
from console.cli.exit_codes import ExitCode, exit_code
from console.cli.reporting import columns, emit, reporting, say, with_services
from console.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from backends.clients.errors import BackendError
    from backends.drafting.answer import Outcome, Waiting
    from backends.drafting.model import Project
    from backends.drafting.service import DraftingService

T = TypeVar("T")

project_option = click.option("--project", "name", required=True, metavar="NAME", help="The project's title or id.")


@click.group()
def draft() -> None:
    """The drafting partner: projects, and the model's answers to them."""


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """A project as the command lists it; updated_at is UTC."""

    id: UUID
    title: str
    bay: str
    words: int
    updated_at: datetime


@draft.command()
@reporting
def projects(env_file: Path | None, as_json: bool) -> None:
    """List the projects."""
    loaded = _drafting(load_settings(env_file), lambda service: service.load())
    for note in loaded.notes:
        say(note)
    lines = [_line(project) for project in loaded.library.projects]
    emit({"projects": lines}, as_json, lambda: _table(lines))


@draft.command("import")
@reporting
@project_option
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Take the draft's place instead of following it.")
def import_(file: Path, name: str, replace: bool, env_file: Path | None, as_json: bool) -> None:
    """Put the text of a .txt or .md FILE into a project, which is made where there is none."""
    settings = load_settings(env_file)
    project = _drafting(settings, lambda service: service.import_file(file, name, replacing=replace))
    lines = [_line(project)]
    emit({"projects": lines}, as_json, lambda: _table(lines))


@draft.command()
@reporting
@project_option
@click.option("--format", "form", type=click.Choice(["txt", "md"]), default="txt", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write.")
def export(name: str, form: str, out: Path, env_file: Path | None, as_json: bool) -> None:
    """Write a project's draft to a file."""
    from backends.drafting.documents import Format, as_document, write_document

    project = _drafting(load_settings(env_file), lambda service: service.find(name))
    _ended(lambda: write_document(out, as_document(project, Format(form))))
    emit({"project": project.title, "format": form, "file": str(out)}, as_json, lambda: [str(out)])


@draft.command()
@reporting
@click.argument("action", type=click.Choice([action.value for action in Action], case_sensitive=False))
@project_option
@click.option(
    "--lane",
    type=click.Choice([lane.value for lane in Lane], case_sensitive=False),
    help="Instead of the one that the draft is in.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the text to this file.")
@click.option("--apply", is_flag=True, help="Put a whole answer into the draft.")
@click.option("--wait", is_flag=True, help="Wait where the limit leaves no call now.")
@click.option("--confirm", metavar="ENVIRONMENT", help="With --apply in production: the environment's name.")
def run(
    action: str,
    name: str,
    lane: str | None,
    out: Path | None,
    apply: bool,
    wait: bool,
    confirm: str | None,
    env_file: Path | None,
    as_json: bool,
) -> None:
    """Ask the model to write on, rewrite, expand or trim a project's draft."""
    settings = load_settings(env_file)
    if apply and settings.production and confirm != settings.kind:
        say(f"olorin: this is {settings.kind}: --apply needs --confirm {settings.kind}.")
        click.get_current_context().exit(ExitCode.REFUSED)
    asked = _Asked(Action(action), name, Lane(lane) if lane else None, out, apply=apply, wait=wait)
    title, outcome = _drafting(settings, lambda service: _run(service, asked))
    emit(_verdict(title, outcome), as_json, lambda: [outcome.text])
    say(_in_a_line(outcome))
    if outcome.broken is not None:
        say(f"olorin: the answer is broken: {outcome.broken.message} {outcome.broken.hint}".rstrip())
        click.get_current_context().exit(ExitCode.CANNOT_CONNECT)
    if not outcome.whole:
        click.get_current_context().exit(ExitCode.WARNING)


@dataclass(frozen=True, slots=True)
class _Asked:
    action: Action
    name: str
    lane: Lane | None
    out: Path | None
    apply: bool
    wait: bool


async def _run(service: DraftingService, asked: _Asked) -> tuple[str, Outcome]:
    """The project's title and the outcome; the draft is locked before the model is asked, and changed at the end."""
    project = await service.find(asked.name)
    if not asked.apply:
        outcome = await _outcome(service, project, asked)
        await _write_out(asked, outcome)
        return project.title, outcome
    opened = await service.open(project.id)
    try:
        if opened.held_by is not None:
            raise opened.held_by
        outcome = await _outcome(service, opened.project, asked)
        await _write_out(asked, outcome)
        if outcome.whole:
            await service.apply(opened, outcome)
        else:
            say("olorin: the answer is not whole, so the draft stays as it was.")
    finally:
        opened.close()
    return project.title, outcome


async def _outcome(service: DraftingService, project: Project, asked: _Asked) -> Outcome:
    from backends.drafting.answer import Outcome, Waiting

    async with aclosing(service.answer(project, asked.action, asked.lane, wait=asked.wait)) as events:
        async for event in events:
            if isinstance(event, Waiting):
                say(_pause(event))
            elif isinstance(event, Outcome):
                return event
    raise RuntimeError("an answer ended without its outcome")


async def _write_out(asked: _Asked, outcome: Outcome) -> None:
    from backends.drafting.documents import write_document

    if asked.out is not None:
        await asyncio.to_thread(write_document, asked.out, outcome.text)


def _pause(waiting: Waiting) -> str:
    why = waiting.problem.message if waiting.problem else "The limit is used up."
    return f"{why} Waiting {math.ceil(waiting.seconds)} s before attempt {waiting.attempt}."


def _verdict(title: str, outcome: Outcome) -> dict[str, Any]:
    """The outcome as the command's JSON; tokens that the server did not count are null."""
    usage = outcome.usage
    return {
        "project": title,
        "action": outcome.action,
        "lane": outcome.lane,
        "text": outcome.text,
        "model": outcome.model,
        "temperature": outcome.temperature,
        "usage": {
            "prompt_tokens": usage.prompt_tokens if usage.measured else None,
            "completion_tokens": usage.completion_tokens if usage.measured else None,
        },
        "waited_s": round(outcome.waited_s, 3),
        "attempts": outcome.attempts,
    }


def _in_a_line(outcome: Outcome) -> str:
    usage = outcome.usage
    least = "" if usage.measured else "at least "
    return (
        f"{outcome.action.value} in {outcome.lane.value}: {outcome.model} at {outcome.temperature:g},"
        f" {least}{usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens, {outcome.seconds:.1f} s,"
        f" {outcome.attempts} attempt{'s' * (outcome.attempts != 1)}, waited {outcome.waited_s:.1f} s,"
        f" ended with {outcome.finish_reason or 'no finish_reason'}"
    )


def _line(project: Project) -> ProjectLine:
    return ProjectLine(project.id, project.title, project.bay.value, project.words, project.updated_at)


def _table(lines: list[ProjectLine]) -> list[str]:
    rows: list[tuple[str, ...]] = [("id", "title", "bay", "words", "updated (UTC)")]
    rows += [
        (str(each.id), each.title, each.bay, f"{each.words:,}", f"{each.updated_at:%Y-%m-%d %H:%M:%S}")
        for each in lines
    ]
    return columns(rows)


def _drafting(settings: Settings, call: Callable[[DraftingService], Awaitable[T]]) -> T:
    return _ended(lambda: with_services(settings, lambda services: call(services.drafting)))


def _ended(work: Callable[[], T]) -> T:
    """Does the work; a failure that only drafting knows ends the command with its own exit code."""
    from backends.clients.errors import BackendError

    try:
        return work()
    except BackendError as error:
        where = f" ({error.where})" if error.where else ""
        say(f"olorin: {error.message}{where} {error.hint}".rstrip())
        click.get_current_context().exit(_code(error))


def _code(error: BackendError) -> ExitCode:
    from backends.clients.errors import NotThere
    from backends.drafting.errors import HeldByAnother, LimitReached, NotAccepted

    if isinstance(error, LimitReached):
        return ExitCode.REFUSED
    if isinstance(error, HeldByAnother):
        return ExitCode.LEASE_HELD
    if isinstance(error, NotAccepted | NotThere):
        return ExitCode.USAGE
    return exit_code(error)
