"""`olorin bots stop`, `restart`, `extend`, `request` and `cleanup`: what changes something, each through the gate."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from console.cli.consenting import confirm_option, consent
from console.cli.executing import Execution, carried_out, execution_options, report
from console.cli.exit_codes import ExitCode
from console.cli.reporting import columns, emit, reporting, say, with_services

if TYPE_CHECKING:
    from backends.bots.cleaning import Cleanup
    from backends.bots.effects import Asked, Effect
    from backends.bots.managers.model import BotRequest, Handle, RunningBot
    from backends.runs.runner import Verdict
    from console.wiring import Services

LOOK_S: Final = 0.5
"""Seconds between two looks whether what was asked for is seen."""

WAIT: Final = click.IntRange(0, 3_600)
HOURS: Final = click.FloatRange(0.01)
PLATFORMS: Final = ("google_meet", "zoom", "teams", "generic")


def order(verb: str, help_: str) -> click.Command:
    """A command that tells the service to do something with an existing bot."""

    @click.command(verb, help=f"{help_} Watches until that is seen: exits 1 where it was not within the wait.")
    @click.argument("id_", metavar="ID")
    @click.option("--wait", default=60, show_default=True, type=WAIT, help="Seconds to watch.")
    @confirm_option
    @reporting
    def command(env_file: Path | None, as_json: bool, id_: str, wait: int, confirmed: str) -> None:
        from console.settings import load_settings

        settings = load_settings(env_file)
        told = with_services(settings, lambda services: _order(services, verb, id_, wait, confirmed))
        emit(told, as_json, lambda: [f"{told['bot_id']}: {told['said']}; {told['seen']}"])
        click.get_current_context().exit(ExitCode.OK if told["effect"] else ExitCode.WARNING)

    return command


stop = order("stop", "Ends the bot of a session, or a stray by its own id.")
restart = order("restart", "Puts another bot in the place of a session's.")
extend = order("extend", "Lets a session run an hour longer.")


async def _order(services: Services, verb: str, id_: str, wait: int, confirmed: str) -> dict[str, Any]:
    from backends.bots.actions import Seen
    from backends.bots.effects import Asked
    from backends.clients.errors import OutcomeUnknown
    from backends.sampling.reading import utc_now

    bot = await services.bots.bot(id_)
    actions, seen = services.bots_actions, Seen.of(bot)
    do = {"stop": actions.stop, "restart": actions.restart, "extend": actions.extend}[verb]
    said, unanswered = "", ""
    asked = await services.bots.beforehand(Asked.of(verb, bot, utc_now()))
    try:
        async with services.gate.act(actions.act(verb, bot.bot_id), consent(confirmed)) as token:
            said = await do(token, seen)
    except OutcomeUnknown as error:
        said = unanswered = error.message.rstrip(".")
        say(f"olorin: {error.kind}: {error.message} {error.hint}")
    effect, after = await _watched(services, replace(asked, at=utc_now(), unanswered=unanswered), wait)
    return {
        "session_id": bot.session_id or None,
        "bot_id": bot.bot_id,
        "status": after,
        "said": said,
        "seen": effect.words,
        "effect": effect.good,
    }


async def _watched(services: Services, asked: Asked, wait: int) -> tuple[Effect, str | None]:
    """Looks again and again until the effect is seen, or the wait is over; and the session's status then."""
    from backends.bots.effects import effect
    from backends.bots.status import shown_status

    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    while True:
        traces = await services.bots.traces([asked])
        seen = effect(asked, traces, asked.at)
        if seen.over or loop.time() >= until:
            rows = [row for row in traces.rows if row.session_id == asked.session_id]
            return seen, shown_status(rows[0].raw_status) if rows else None
        await asyncio.sleep(LOOK_S)


@click.command()
@click.argument("meeting_url", metavar="URL")
@click.option("--platform", default=None, type=click.Choice(PLATFORMS), help="Of the bot; else as the URL tells.")
@click.option("--language", "languages", multiple=True, help="To translate to; may be given again.")
@click.option("--title", default="", help="Of the meeting.")
@click.option("--wait", default=0, show_default=True, type=WAIT, help="Seconds to wait for a place.")
@confirm_option
@reporting
def request(
    env_file: Path | None,
    as_json: bool,
    meeting_url: str,
    platform: str | None,
    languages: tuple[str, ...],
    title: str,
    wait: int,
    confirmed: str,
) -> None:
    """Asks for a bot in a meeting; over capacity it waits for a place, first come first served."""
    from backends.bots.managers.asking import build
    from backends.clients.errors import Refused
    from console.settings import load_settings

    try:
        wanted = build(meeting_url, languages, title, platform or "")
    except Refused as error:
        raise click.BadParameter(error.message, param_hint="URL") from None
    bot = with_services(load_settings(env_file), lambda services: _request(services, wanted, wait, confirmed))
    told = {
        "bot_id": bot.bot_id,
        "session_id": bot.session_id or None,
        "meeting_id": wanted.meeting_id,
        "platform": wanted.platform,
        "status": bot.status,
    }
    emit(told, as_json, lambda: [f"{bot.bot_id} was started for {wanted.meeting_id}: {bot.status}"])


async def _request(services: Services, wanted: BotRequest, wait: int, confirmed: str) -> RunningBot:
    actions = services.bots_actions
    act = actions.act("request", wanted.meeting_id, platform=wanted.platform)
    async with services.gate.act(act, consent(confirmed), lifetime_s=None) as token:
        handle = await actions.request(token, wanted, wait=wait > 0)
        return await _placed(services, handle, wait)


async def _placed(services: Services, handle: Handle, wait: int) -> RunningBot:
    """The bot, once there was a place. Raises OverCapacity where none came within the wait."""
    from backends.bots.managers.model import OverCapacity, Place

    if handle.place is Place.QUEUED:
        say(f"every place is taken: waiting up to {wait} s for one; Ctrl-C takes the request back")
    try:
        async with asyncio.timeout(wait):
            return await handle.settled()
    except TimeoutError:
        if handle.cancel():
            message = f"No place came free within {wait} s."
            raise OverCapacity(message, where=services.bots_actions.where) from None
    return await handle.settled()  # it is being asked for: too late to take it back


@click.command()
@click.option("--older-than", "hours", required=True, type=HOURS, metavar="HOURS", help="Ended longer ago.")
@click.option("--dry-run", is_flag=True, help="Say what would go; the plan's hash is in the answer.")
@click.option("--execute", is_flag=True, help="Delete it, with all that belongs to it; files after their rows.")
@click.option("--plan", "hash_", default="", metavar="HASH", help="Carry out this plan; without it a fresh one.")
@execution_options
@confirm_option
@reporting
def cleanup(
    env_file: Path | None,
    as_json: bool,
    hours: float,
    dry_run: bool,
    execute: bool,
    hash_: str,
    execution: Execution,
    confirmed: str,
) -> None:
    """Completed and failed sessions that ended that long ago, as a run that can be stopped and resumed.

    JSON of --dry-run: {"plan", "expires_at", "before", "rows": {TABLE: ROWS}, "audio_bytes"}. Of --execute: the
    verdict, whose counts are the rows by table, and the audio files by what became of them (files_deleted, …).
    """
    from console.settings import load_settings

    if dry_run == execute:
        raise click.UsageError("Give exactly one of --dry-run and --execute.")
    if hash_ and dry_run:
        raise click.UsageError("--plan belongs to --execute.")
    settings = load_settings(env_file)
    age = timedelta(hours=hours)

    async def clean(services: Services) -> Verdict:
        cleaning = services.bots_manager.cleaning
        planned = await cleaning.planned(hash_) if hash_ else await cleaning.plan(age)
        return await carried_out(services, cleaning.run(planned), consent(confirmed), execution)

    if execute:
        report(with_services(settings, clean), as_json)
    else:
        found = with_services(settings, lambda services: services.bots_manager.cleaning.plan(age))
        emit(_plan_report(found), as_json, lambda: _plan_lines(found, hours))


def _plan_report(planned: Cleanup) -> dict[str, Any]:
    return {
        "plan": planned.plan.hash,
        "expires_at": planned.plan.expires_at,
        "before": planned.before,
        "rows": planned.rows,
        "audio_bytes": planned.audio_bytes,
    }


def _plan_lines(planned: Cleanup, hours: float) -> list[str]:
    rows = [(table, f"{number:,}") for table, number in planned.rows.items()]
    return [
        f"ended before {planned.before:%Y-%m-%d %H:%M:%S}Z:",
        *columns(rows),
        f"audio files: {planned.audio_bytes:,} bytes, as their rows say",
        f"olorin bots cleanup --older-than {hours:g} --execute --plan {planned.plan.hash[:12]}",
    ]
