"""Ending a drift: our audio settings to the service, its own into our dotenv file, or the last such act undone."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from backends.clients.errors import BackendError, BadAnswer, NotConfigured, Refused
from backends.clients.http import HttpClient
from backends.config.catalogue import by_id
from backends.config.env_text import with_values
from backends.config.service import ConfigService
from backends.config.sync import SyncState, SyncWatch, audio_settings, compare, read_service
from backends.config.values import Values, plain
from backends.safety.files import private_folder, write_atomically
from backends.safety.gate import Act, Token
from backends.safety.text import display_text
from backends.safety.url_secrets import mask_url
from backends.sampling.reading import utc_now

UPDATE: Final = "/api/settings/sync/update/orchestration"
"""Where the service takes changes of its audio settings."""

RECORD: Final = "sync.json"
"""The last act and what it replaced, in the state folder's `config`."""


_PLAIN: Final = re.compile(r"[\w ./:@%+,=~-]*")


class Direction(Enum):
    """Which way the settings go."""

    PUSH = "push"
    PULL = "pull"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Change:
    """One audio setting: its field, its value now, and its value then; None where it is not set at all."""

    field: str
    before: Any
    after: Any

    @property
    def shown(self) -> str:
        """The change in words."""
        return f"{self.field}: {_shown(self.before)} → {_shown(self.after)}"


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What an act would change. at_service: whether it changes the service, or else our dotenv file."""

    direction: Direction
    target: str
    at_service: bool
    changes: tuple[Change, ...]

    @property
    def act(self) -> Act:
        """The act that the gate is asked for."""
        details = {"changes": [each.shown for each in self.changes]}
        return Act(f"config.{self.direction.value}", self.target, details)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Both views, and what has been changed where something was."""

    state: str
    service: str
    drifts: tuple[Change, ...]
    ours: str
    theirs: str
    reason: str = ""
    changed: tuple[Change, ...] = ()


class ServiceSync:
    """The audio settings of the service at this URL beside those of our configuration. Raises BackendError only."""

    def __init__(self, http: HttpClient, url: str, config: ConfigService, watch: SyncWatch, state: Path) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._config = config
        self._watch = watch
        self._record = state / "config" / RECORD

    async def report(self, changed: tuple[Change, ...] = ()) -> SyncReport:
        """Both views as they are now; that there is no service to be asked is one of them. Raises NotConfigured."""
        try:
            ours, theirs = await self._both()
        except NotConfigured:
            raise
        except BackendError as error:
            reason = f"{error.kind}: {error.message}"
            return SyncReport(SyncState.SERVICE_UNAVAILABLE.value, self._where, (), "", "", reason, changed)
        sync = await asyncio.to_thread(self._watch.see, ours, theirs)
        drifts = tuple(Change(each.field, ours[_id(each.field)], theirs[each.field]) for each in sync.drifts)
        return SyncReport(sync.state.value, self._where, drifts, sync.ours, sync.theirs, sync.reason, changed)

    async def plan(self, direction: Direction) -> SyncPlan:
        """What the act would change. Raises Refused where there is nothing to do, or it would do nothing."""
        if direction is Direction.ROLLBACK:
            return await self._undoing()
        ours, theirs = await self._both()
        sync = compare(audio_settings(ours), theirs, {})
        drifted = [each.field for each in (*sync.drifts, *sync.near)]
        if not drifted:
            raise Refused("Both sides hold the same audio settings.", where=self._where)
        if direction is Direction.PUSH:
            _require_usable(ours)
            changes = tuple(Change(field, theirs[field], ours[_id(field)]) for field in drifted)
            return SyncPlan(direction, self._where, True, changes)
        file = self._file()
        _require_from_file(ours, drifted)
        _require_usable_there(ours, theirs, drifted)
        before = {field: _in_file(ours, field) for field in drifted}
        changes = tuple(Change(field, before[field], plain(theirs[field])) for field in drifted)
        return SyncPlan(direction, display_text(file), False, changes)

    async def carry_out(self, token: Token, plan: SyncPlan) -> SyncReport:
        """Changes what the plan says, reads it back, and keeps what it replaced for a rollback.

        Raises Refused where what is to be changed is no longer what the plan says.
        """
        token.require(plan.act.name, plan.target)
        await self._require_unchanged(plan)
        if plan.at_service:
            await self._send(token, {each.field: each.after for each in plan.changes})
        else:
            await asyncio.to_thread(self._write, plan)
        await asyncio.to_thread(self._keep, plan)
        await self._read_back(plan)
        token.outcome(changed=len(plan.changes))
        return await self.report(plan.changes)

    @property
    def _where(self) -> str:
        return mask_url(self._url)

    async def _both(self) -> tuple[Values, Mapping[str, Any]]:
        if not self._url:
            hint = "Set ORCHESTRATION_URL=http://…"
            raise NotConfigured("No orchestration service is configured.", hint=hint)
        theirs = await read_service(self._http, self._url)
        if theirs is None:
            raise BadAnswer("The service tells no audio settings.", where=self._where)
        return await asyncio.to_thread(self._config.values), theirs

    async def _undoing(self) -> SyncPlan:
        last = await asyncio.to_thread(self._last)
        if last is None or last["undone"]:
            raise Refused("There is no push or pull to undo.", where=self._where)
        changes = tuple(Change(each["field"], each["after"], each["before"]) for each in last["changes"])
        return SyncPlan(Direction.ROLLBACK, last["target"], last["at_service"], changes)

    async def _require_unchanged(self, plan: SyncPlan) -> None:
        ours, theirs = await self._both()
        for each in plan.changes:
            now = theirs.get(each.field) if plan.at_service else _in_file(ours, each.field)
            if now != each.before:
                message = f"{each.field} is {_shown(now)} by now, not {_shown(each.before)}: somebody else changed it."
                raise Refused(message, where=plan.target, hint="Look again.")

    async def _send(self, token: Token, settings: Mapping[str, Any]) -> None:
        url = self._url + UPDATE
        status, text = await self._http.post(token, url, settings)
        try:
            answer = json.loads(text)
            errors = ", ".join(map(str, answer.get("errors") or ())) or str(answer.get("detail", ""))
            accepted = status == 200 and answer.get("success") is True
        except (ValueError, AttributeError, TypeError):
            errors, accepted = "", False
        if not accepted:
            raise Refused(f"The service refuses ({status}): {display_text(errors or 'no reason')}", where=mask_url(url))

    def _write(self, plan: SyncPlan) -> None:
        file = self._file().resolve()
        values = {by_id()[_id(each.field)].name: each.after for each in plan.changes}
        try:
            write_atomically(file, with_values(file.read_bytes(), values), keep_owner=True)
        except OSError as error:
            raise Refused(f"The file can't be written: {error.strerror}.", where=plan.target) from error
        except UnicodeDecodeError:
            raise Refused("The file is not UTF-8 text.", where=plan.target) from None

    async def _read_back(self, plan: SyncPlan) -> None:
        ours, theirs = await self._both()
        for each in plan.changes:
            now = theirs.get(each.field) if plan.at_service else _in_file(ours, each.field)
            if plain(now) != plain(each.after):
                message = f"{each.field} was accepted, but is still {_shown(now)}."
                raise BadAnswer(message, where=plan.target)

    def _file(self) -> Path:
        file = self._config.file
        if file is None:
            raise Refused("There is no dotenv file to write to.", hint="Start with --env-file.")
        return file

    def _last(self) -> dict[str, Any] | None:
        try:
            last: dict[str, Any] = json.loads(self._record.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise BadAnswer("The record of the last act can't be read.", where=str(self._record)) from error
        return last

    def _keep(self, plan: SyncPlan) -> None:
        record = {
            "at": utc_now().isoformat(),
            "act": plan.direction.value,
            "target": plan.target,
            "at_service": plan.at_service,
            "changes": [asdict(each) for each in plan.changes],
            "undone": plan.direction is Direction.ROLLBACK,
        }
        private_folder(self._record.parent)
        write_atomically(self._record, json.dumps(record).encode())


def _id(field: str) -> str:
    return f"audio.{field}"


def _in_file(values: Values, field: str) -> str | None:
    """The text that a dotenv file gives the field; None where it gives none."""
    return next((raw.value for raw in values.found[_id(field)] if raw.line), None)


def _require_usable(values: Values) -> None:
    broken = [id_ for id_ in values.invalid if id_.startswith("audio.")]
    if broken:
        names = ", ".join(by_id()[id_].name for id_ in broken)
        raise Refused(f"Our own settings can't be used: {names}.", hint="`olorin config check` says why.")


def _require_usable_there(ours: Values, theirs: Mapping[str, Any], fields: list[str]) -> None:
    """What the service says is text from outside: only values that the setting may have get into our file."""
    if reason := compare(audio_settings(ours), theirs, {}).reason:
        raise Refused(f"The service's own settings can't be used: {reason}.")
    odd = [field for field in fields if isinstance(theirs[field], str) and not _PLAIN.fullmatch(theirs[field])]
    if odd:
        raise Refused(f"The service's {', '.join(odd)} holds characters that no path needs.", hint="Set it by hand.")


def _require_from_file(values: Values, fields: list[str]) -> None:
    """A file's value that the process environment shadows would change nothing."""
    winners = {field: values.winner(_id(field)) for field in fields}
    shadowed = [by_id()[_id(field)].name for field, winner in winners.items() if winner is not None and not winner.line]
    if shadowed:
        message = f"The process environment sets {', '.join(shadowed)}, which wins over the file."
        raise Refused(message, hint="Unset it there first.")


def _shown(value: Any) -> str:
    return "not set" if value is None else display_text(plain(value), 80)
