"""`olorin draft`: the drafting partner, headless."""

from __future__ import annotations

import asyncio
import math
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backends.drafting.model import Action, Effect, Lane
from backends.safety.text import display_whole
from console.cli.consenting import confirm_option, consent
from console.cli.draft_brief import brief_lines, brief_value, uncovered_lines, uncovered_value
from console.cli.draft_ends import ended, using_drafting
from console.cli.draft_files import export, import_, project_option, projects, restore, stats
from console.cli.draft_incident import incident
from console.cli.exit_codes import ExitCode
from console.cli.reporting import emit, reporting, say, with_services
from console.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backends.drafting.answer import Outcome, Waiting
    from backends.drafting.brief import Brief
    from backends.drafting.model import Project
    from backends.drafting.service import DraftingService
    from backends.safety.gate import Consent, Token
    from console.wiring import Services


@click.group()
def draft() -> None:
    """The drafting partner: projects, and the model's answers to them."""


for command in (projects, import_, export, restore, stats, incident):
    draft.add_command(command)


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
@click.option("--dry-run", "looking", is_flag=True, help="Print the brief as it would be sent, and send nothing.")
@confirm_option
def run(
    action: str,
    name: str,
    lane: str | None,
    out: Path | None,
    apply: bool,
    wait: bool,
    looking: bool,
    confirmed: str,
    env_file: Path | None,
    as_json: bool,
) -> None:
    """Ask the model to write on, rewrite, expand, trim or otherwise work on a project's draft."""
    settings = load_settings(env_file)
    if apply and Action(action).effect is Effect.TOOL:
        raise click.UsageError(f"{action} changes no draft: leave --apply away.")
    if looking:
        chosen = Lane(lane) if lane else None
        title, brief = using_drafting(settings, lambda service: _brief(service, name, Action(action), chosen))
        emit(brief_value(title, brief), as_json, lambda: brief_lines(brief))
        return
    agreed = consent(confirmed) if apply else None
    asked = _Asked(Action(action), name, Lane(lane) if lane else None, out, agreed, wait=wait)
    project, outcome, text = ended(lambda: with_services(settings, lambda services: _run(services, asked)))
    loose = uncovered_value(outcome.text, project)
    emit({**_verdict(project.title, outcome, text), **loose}, as_json, lambda: [display_whole(text)])
    for line in uncovered_lines(loose):
        say(line)
    say(_in_a_line(outcome) + _cost(outcome, settings.environment))
    if outcome.broken is not None:
        say(f"olorin: the answer is broken: {outcome.broken.message} {outcome.broken.hint}".rstrip())
        click.get_current_context().exit(ExitCode.CANNOT_CONNECT)
    if not outcome.whole:
        click.get_current_context().exit(ExitCode.WARNING)


async def _brief(service: DraftingService, name: str, action: Action, lane: Lane | None) -> tuple[str, Brief]:
    """The project's title, and what would be sent."""
    project = await service.find(name)
    return project.title, await asyncio.to_thread(service.brief, project, action, lane)


@dataclass(frozen=True, slots=True)
class _Asked:
    action: Action
    name: str
    lane: Lane | None
    out: Path | None
    apply: Consent | None
    wait: bool


async def _run(services: Services, asked: _Asked) -> tuple[Project, Outcome, str]:
    """The project, the outcome, and its text as it may leave."""
    service = services.drafting
    project = await service.find(asked.name)
    if asked.apply is not None:
        act = service.apply_act(project, asked.action)
        # For as long as it takes: the model is asked, and may have to be waited for, once the gate let it through.
        async with services.gate.act(act, asked.apply, lifetime_s=None) as token:
            return await _applied(token, service, project, asked)
    outcome = await _outcome(service, project, asked)
    return project, outcome, await _written(asked, project, outcome)


async def _applied(
    token: Token, service: DraftingService, project: Project, asked: _Asked
) -> tuple[Project, Outcome, str]:
    """As _run; the draft is locked before the model is asked, and changed at the end."""
    opened = await service.open(project.id)
    try:
        if opened.held_by is not None:
            raise opened.held_by
        outcome = await _outcome(service, opened.project, asked)
        left = await _written(asked, project, outcome)
        if outcome.whole:
            await service.apply(token, opened, outcome)
        else:
            say("olorin: the answer is not whole, so the draft stays as it was.")
        token.outcome(applied=outcome.whole)
    finally:
        opened.close()
    return opened.project, outcome, left


async def _outcome(service: DraftingService, project: Project, asked: _Asked) -> Outcome:
    from backends.drafting.answer import Outcome, Waiting

    async with aclosing(service.answer(project, asked.action, asked.lane, wait=asked.wait)) as events:
        async for event in events:
            if isinstance(event, Waiting):
                say(_pause(event))
            elif isinstance(event, Outcome):
                return event
    raise RuntimeError("an answer ended without its outcome")


async def _written(asked: _Asked, project: Project, outcome: Outcome) -> str:
    """The text as it may leave, in the file that was asked for as well: nobody has reviewed an incident's yet."""
    from backends.drafting.documents import write_document
    from backends.drafting.limits import TOOL_LIMIT
    from backends.drafting.review import leaving

    text = outcome.text[:TOOL_LIMIT] if asked.action.effect is Effect.TOOL else outcome.text
    text = leaving(replace(project, draft=text))
    if asked.out is not None:
        await asyncio.to_thread(write_document, asked.out, text.encode("utf-8", "replace"))
    return text


def _pause(waiting: Waiting) -> str:
    why = waiting.problem.message if waiting.problem else "The limit is used up."
    return f"{why} Waiting {math.ceil(waiting.seconds)} s before attempt {waiting.attempt}."


def _verdict(title: str, outcome: Outcome, text: str) -> dict[str, Any]:
    """The outcome as the command's JSON; tokens that the server did not count are null."""
    usage = outcome.usage
    return {
        "project": title,
        "action": outcome.action,
        "lane": outcome.lane,
        "text": text,
        "model": outcome.model,
        "temperature": outcome.temperature,
        "usage": {
            "prompt_tokens": usage.prompt_tokens if usage.measured else None,
            "completion_tokens": usage.completion_tokens if usage.measured else None,
        },
        "waited_s": round(outcome.waited_s, 3),
        "attempts": outcome.attempts,
    }


def _cost(outcome: Outcome, environment: Mapping[str, str]) -> str:
    from backends.drafting.costs import cost
    from backends.drafting.options import drafting_options

    dollars = cost(outcome.model, outcome.usage, drafting_options(environment).prices)
    least = "" if outcome.usage.measured else "at least "
    return f", {least}${dollars:.5f}" if dollars is not None else ""


def _in_a_line(outcome: Outcome) -> str:
    usage = outcome.usage
    least = "" if usage.measured else "at least "
    return (
        f"{outcome.action.value} in {outcome.lane.value}: {outcome.model} at {outcome.temperature:g},"
        f" {least}{usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens, {outcome.seconds:.1f} s,"
        f" {outcome.attempts} attempt{'s' * (outcome.attempts != 1)}, waited {outcome.waited_s:.1f} s,"
        f" ended with {outcome.finish_reason or 'no finish_reason'}"
    )
