"""The orchestration service's audio settings beside ours: the same, drifted apart, or not usable."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from backends.clients.errors import BackendError, BadAnswer
from backends.clients.http import HttpClient
from backends.config.model import Finding, Status
from backends.config.orchestration import AudioChunkingConfig
from backends.config.values import Values, in_words, plain
from backends.safety.files import private_folder, write_atomically
from backends.safety.text import display_text
from backends.safety.url_secrets import mask_url

PATH: Final = "/api/settings/sync/unified"
"""Where the service tells all of its configuration."""

SERVICE: Final = "servers.orchestration"

TIMING_LIMIT_S: Final = 0.1
"""Seconds beyond which two lengths of time have drifted apart."""

VARIANCE_LIMIT: Final = 0.1
"""Difference beyond which two shares have drifted apart."""

NARROW: Final = frozenset({"silence_threshold", "noise_threshold"})
NARROW_LIMIT: Final = 0.01
"""The same for shares that are from 0 to 0.1: a tenth of their range, or they never could."""

TIMES: Final = frozenset(
    {
        "chunk_duration",
        "overlap_duration",
        "processing_interval",
        "buffer_duration",
        "correlation_temporal_window",
        "chunk_processing_timeout",
    }
)
"""Fields in seconds."""


class SyncState(Enum):
    """How the two views stand to each other, in the service's own words."""

    SYNCHRONIZED = "synchronized"
    DRIFT_DETECTED = "drift_detected"
    CONFLICT = "conflict"
    VALIDATION_ERROR = "validation_error"
    SERVICE_UNAVAILABLE = "service_unavailable"
    ROLLBACK_REQUIRED = "rollback_required"


@dataclass(frozen=True, slots=True)
class Drift:
    """A field that both sides know with different values."""

    field: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Sync:
    """Both views: the state, the fields that drifted apart, those that differ by less than what counts as drift, the
    checksums, and why it is so where that needs words.
    """

    state: SyncState
    drifts: tuple[Drift, ...] = ()
    near: tuple[Drift, ...] = ()
    ours: str = ""
    theirs: str = ""
    reason: str = ""


async def read_service(client: HttpClient, url: str) -> Mapping[str, Any] | None:
    """The audio settings that the service runs with; None where it tells none. Raises BackendError."""
    where = url.rstrip("/") + PATH
    status, text = await client.get(where)
    if status == 404:
        return None
    if status != 200:
        raise BadAnswer(f"The service answers {status}.", where=mask_url(where))
    try:
        settings = json.loads(text)["orchestration_service"]["chunking_config"]
    except (ValueError, KeyError, TypeError):
        raise BadAnswer("The answer holds no audio settings.", where=mask_url(where)) from None
    if not isinstance(settings, dict) or AudioChunkingConfig.model_fields.keys().isdisjoint(settings):
        raise BadAnswer("The answer holds no audio settings.", where=mask_url(where))
    return settings


class SyncWatch:
    """Remembers what both sides last agreed on, so that a change on both is told from a change on one.

    file: where that is kept from one process to the next; it is only a memory, and forgotten where it can't be kept.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._agreed: Mapping[str, Any] | None = None if file else {}

    def see(self, values: Values, theirs: Mapping[str, Any]) -> Sync:
        """Both views as they are now; ours is what is configured here. Blocks."""
        if self._agreed is None:
            self._agreed = self._remembered()
        sync = compare(audio_settings(values), theirs, self._agreed)
        if sync.state is SyncState.SYNCHRONIZED and self._agreed != theirs:
            self._agreed = dict(theirs)
            self._keep()
        if any(id_.startswith("audio.") for id_ in values.invalid):
            return replace(sync, state=SyncState.VALIDATION_ERROR, reason="ours can't be used")
        return sync

    def _remembered(self) -> Mapping[str, Any]:
        try:
            found = json.loads(self._file.read_text()) if self._file else {}
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _keep(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                private_folder(self._file.parent)
                write_atomically(self._file, json.dumps(self._agreed).encode())


def audio_settings(values: Values) -> dict[str, Any]:
    """Our audio settings, by field."""
    return {field: values[f"audio.{field}"] for field in AudioChunkingConfig.model_fields}


def compare(ours: Mapping[str, Any], theirs: Mapping[str, Any], agreed: Mapping[str, Any]) -> Sync:
    """Both views compared, field by field; agreed: what both held when they were last the same.

    A service that runs with values outside their ranges needs a rollback: it would refuse them at its next start.
    """
    known = {name: value for name, value in theirs.items() if name in AudioChunkingConfig.model_fields}
    problem = _problem(known)
    shared = {name: ours[name] for name in known if name in ours}
    apart = [
        Drift(name, plain(ours[name]), display_text(plain(known[name]), 80))
        for name in shared
        if plain(ours[name]) != plain(known[name])
    ]
    drifts = tuple(each for each in apart if differs(each.field, ours[each.field], known[each.field]))
    near = tuple(each for each in apart if each not in drifts)
    found = Sync(SyncState.SYNCHRONIZED, drifts, near, checksum(shared), checksum(known), _near_words(near))
    if problem:
        return replace(found, state=SyncState.ROLLBACK_REQUIRED, reason=problem)
    if any(_moved(each.field, ours, agreed) and _moved(each.field, known, agreed) for each in drifts):
        return replace(found, state=SyncState.CONFLICT, reason="both sides changed")
    return replace(found, state=SyncState.DRIFT_DETECTED, reason="") if drifts else found


def _near_words(near: Iterable[Drift]) -> str:
    told = ", ".join(f"{each.field} {each.theirs} there, {each.ours} here" for each in near)
    return f"apart by less than what counts as drift: {told}" if told else ""


def _moved(field: str, view: Mapping[str, Any], agreed: Mapping[str, Any]) -> bool:
    return field in agreed and differs(field, agreed[field], view[field])


def checksum(settings: Mapping[str, Any]) -> str:
    """Sixteen hex digits over the settings; whole numbers count the same whether they are written with a point or not.

    >>> checksum({"a": 1, "b": 2.5}) == checksum({"b": 2.5, "a": 1.0})
    True
    """
    numbers = {name: plain(value) if isinstance(value, int | float) else value for name, value in settings.items()}
    return hashlib.sha256(json.dumps(numbers, sort_keys=True, default=str).encode()).hexdigest()[:16]


def differs(field: str, ours: object, theirs: object) -> bool:
    """Whether two values have drifted apart: times by more than 100 ms, shares by more than 0.1, others at all.

    >>> differs("chunk_duration", 3.0, 3.05), differs("chunk_duration", 3.0, 3.2), differs("noise_threshold", 0.0, 0.1)
    (False, True, True)
    """
    if not _is_number(ours) or not _is_number(theirs):
        return ours != theirs
    limit = NARROW_LIMIT if field in NARROW else TIMING_LIMIT_S if field in TIMES else VARIANCE_LIMIT
    limit = limit if isinstance(ours, float) else 0.0
    distance = abs(float(str(ours)) - float(str(theirs)))
    return not math.isfinite(distance) or distance > limit + 1e-9


def sync_findings(
    watch: SyncWatch, theirs: Mapping[str, Any] | BackendError | None, values: Values
) -> Iterator[Finding]:
    """What the service's view means, and each field that drifted; or the failure to get it. Ours is configured here."""
    if isinstance(theirs, BackendError):
        message = f"{SyncState.SERVICE_UNAVAILABLE.value}: {theirs.kind}: {theirs.message}"
        yield Finding(SERVICE, "server answers", Status.WARN, message, why="The service can be asked from here.")
        return
    if theirs is None:
        message = f"{SyncState.SERVICE_UNAVAILABLE.value}: answers, but tells no configuration at {PATH}"
        yield Finding(SERVICE, "settings told", Status.WARN, message, why="The service tells what it runs with.")
        return
    sync = watch.see(values, theirs)
    reason = f": {sync.reason}" if sync.reason else ""
    apart = f", {len(sync.drifts)} fields apart" if sync.drifts else ""
    about = partial(
        Finding,
        rule="configuration synchronised",
        why="The service runs with the audio settings that are configured here.",
        breaks="nothing by itself, but the service cuts audio in another way than is thought",
    )
    status = Status.OK if sync.state is SyncState.SYNCHRONIZED else Status.WARN
    yield about(SERVICE, status=status, message=f"{sync.state.value}, checksum {sync.theirs}{apart}{reason}")
    for each in sync.drifts:
        message = f"the service runs with {each.theirs}, {each.ours} is configured here"
        yield about(f"audio.{each.field}", status=Status.WARN, message=message, remedy=_as_there(each, theirs))


def _as_there(drift: Drift, theirs: Mapping[str, Any]) -> str:
    """The line that makes ours what the service has, where that is a number or a switch."""
    name = f"{AudioChunkingConfig.model_config['env_prefix']}{drift.field}".upper()
    return f"{name}={drift.theirs}" if isinstance(theirs[drift.field], int | float) else ""


def _problem(settings: Mapping[str, Any]) -> str:
    """Why the service's own values can't be used; empty where they can."""
    section = AudioChunkingConfig.__new__(AudioChunkingConfig)
    try:
        BaseModel.__init__(section, **settings)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = first["loc"][0] if first["loc"] else first.get("ctx", {}).get("field", "")
        return f"the service's {display_text(field, 80)} {in_words(first['msg'])}"
    return ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
