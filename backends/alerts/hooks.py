"""Executables that are told of changes: one process each, the alert in its environment, no shell, and a timeout."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backends.alerts.folding import heads
from backends.alerts.model import Alert, Phase
from backends.clients.errors import Refused
from backends.safety.text import display_text

HOOK_S: Final = 10.0
"""Seconds that a hook may take; then it is killed with its children."""

AT_ONCE: Final = 4

_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "TMPDIR")
"""What a hook gets of our own environment, in which secrets stand."""

_QUIET: Final = frozenset({Phase.PENDING})
_WELL: Final = frozenset({Phase.OK, Phase.NOT_CONFIGURED})


@dataclass(frozen=True, slots=True)
class News:
    """An alert whose state is another than the hooks were told last."""

    alert: Alert
    before: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A hook that did not end well, and why."""

    hook: str
    id: str
    why: str


def news(alerts: Iterable[Alert], told: Mapping[str, str]) -> tuple[News, ...]:
    """What hooks are told: not what is only pending, nor what another alert explains."""
    found = []
    for alert in heads(alerts):
        before, state = told.get(alert.rule.id, Phase.OK.value), word(alert)
        if alert.state not in _QUIET and state != before:
            found.append(News(alert, before))
    return tuple(found)


def word(alert: Alert) -> str:
    """The alert's state as hooks are told it: what is not configured is not wrong."""
    return Phase.OK.value if alert.state in _WELL else alert.state.value


def hooks_in(folder: Path) -> tuple[Path, ...]:
    """The executables of the folder by name. Raises Refused where others could have put one there."""
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        hooks = tuple(path for path in entries if path.is_file() and os.access(path, os.X_OK))
        for path in (folder, *hooks):
            if path.stat().st_mode & stat.S_IWOTH:
                raise Refused(f"Anybody may write {path}.", where=str(path), hint=f"Run: chmod o-w {path}")
    except OSError as error:
        raise Refused(f"The hooks can't be read: {error}", where=str(folder)) from error
    return hooks


async def run_hooks(
    hooks: Iterable[Path], changes: Iterable[News], profile: str, timeout_s: float = HOOK_S
) -> tuple[Failure, ...]:
    """Tells every hook (an absolute path) of every change, a few at once; returns those that failed."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(hook: Path, change: News) -> Failure | None:
        async with turns:
            why = await _run(hook, environment(change, profile), timeout_s)
        return Failure(hook.name, change.alert.rule.id, why) if why else None

    listed = tuple(hooks)
    ended = await asyncio.gather(*(one(hook, change) for change in changes for hook in listed))
    return tuple(failure for failure in ended if failure is not None)


async def _run(hook: Path, given: Mapping[str, str], timeout_s: float) -> str:
    """Why it failed, "" where it didn't. It leads a process group of its own, so that its children end with it."""
    nothing = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            str(hook), stdin=nothing, stdout=nothing, stderr=nothing, env=given, start_new_session=True
        )
    except OSError as error:
        return display_text(error)
    try:
        async with asyncio.timeout(timeout_s):
            code = await process.wait()
    except TimeoutError:
        return f"it took longer than {timeout_s:g} s and was ended"
    else:
        return "" if code == 0 else f"it ended with {code}"
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def environment(change: News, profile: str) -> dict[str, str]:
    """What a hook finds in its environment."""
    alert, rule = change.alert, change.alert.rule
    said = {
        "ID": rule.id,
        "STATE": word(alert),
        "BEFORE": change.before,
        "SEVERITY": rule.severity.value,
        "VALUE": "" if alert.value is None else f"{alert.value:g}",
        "THRESHOLD": f"{rule.threshold:g}",
        "UNIT": rule.unit,
        "SUBJECT": alert.subject,
        "WHAT": alert.what,
        "SOURCE": rule.source,
        "SINCE": alert.since.isoformat(),
        "TODO": rule.todo,
        "PROFILE": profile,
    }
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, **{f"OLORIN_ALERT_{name}": value.replace("\0", "") for name, value in said.items()}}
