"""The original's files, in both of its shapes: `olivetti_state.json`, its backups, and its bundles.

The application keeps samples as {"created_ts", "lanes": {lane: […]}} with local times, its modules as {lane: […]} with
times in UTC. Whatever has no place here is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from backends.drafting.bibles import (
    TRAINABLE,
    Bibles,
    Binding,
    Genre,
    Lane,
    Pov,
    Sample,
    Source,
    Style,
    StyleBank,
    Tense,
    Voice,
    VoiceBible,
)
from backends.drafting.errors import NotAccepted
from backends.drafting.limits import STYLE_CAP, STYLE_SAMPLE, VOICE_CAP, VOICE_NAME, VOICE_SAMPLE, Length
from backends.drafting.model import DEFAULT_TITLE, SECTIONS, WORKSPACE_ID, Bay, Kind, Library, Project, StoryBible
from backends.drafting.samples import capped, parted
from backends.drafting.story import fingerprint
from backends.safety.text import display_text, prose

E = TypeVar("E", bound=Enum)

NO_VOICE: Final = "— None —"
_PREFIXED: Final = {"style_on", "genre_on", "technical_on", "trained_on", "match_on", "lock_on"}
_ENUMS: Final[dict[str, type[Enum]]] = {"writing_style": Style, "genre": Genre, "pov": Pov, "tense": Tense}


def is_original(record: object) -> bool:
    """Whether the JSON is one of the original's: a state, or a bundle."""
    if not isinstance(record, Mapping):
        return False
    meta = record.get("meta")
    kind = meta.get("type") if isinstance(meta, Mapping) else None
    return kind in {"project_bundle", "library_bundle"} or "sb_workspace" in record or "voice_vault" in record


class Original:
    """Reads one file. notes say what could not be taken as it was; now stands for times that it lacks."""

    def __init__(self, record: Mapping[str, Any], now: datetime) -> None:
        self.notes: list[str] = []
        self._record = record
        self._now = now

    def library(self) -> Library:
        """Its projects and its workspace. Raises NotAccepted, which names the field."""
        record = self._record
        if "project" in record:
            return Library((self._project(_object(record["project"], "project"), {}),))
        projects = record.get("projects", {})
        listed = projects.values() if isinstance(projects, Mapping) else projects
        if not isinstance(projects, Mapping | list):
            raise NotAccepted("bundle: projects is neither object nor list.")
        found = tuple(self._project(_object(each, "project"), record) for each in listed)
        workspace = record.get("sb_workspace")
        return Library(found, self._workspace(_object(workspace, "sb_workspace")) if workspace else None)

    def _project(self, record: Mapping[str, Any], session: Mapping[str, Any]) -> Project:
        title = display_text(_text(record, "title") or DEFAULT_TITLE, limit=1_000)
        created = self._time(record.get("created_ts") or record.get("created_at"))
        old_id = _text(record, "id") or f"{title}|{created.isoformat()}"
        controls = _object(record.get("voice_bible") or {}, "voice_bible")
        return Project(
            id=uuid5(NAMESPACE_URL, f"olivetti:project:{old_id}"),
            title=title,
            created_at=created,
            updated_at=self._time(record.get("updated_ts") or record.get("updated_at"), created),
            bay=self._member(Bay, record.get("bay", "NEW"), Bay.NEW, "bay"),
            draft=prose(_text(record, "draft")),
            story_bible=_story(record),
            intensity=_share(controls, "ai_intensity", 0.75),
            binding=self._binding(record, old_id),
            # The module shape keeps voices and banks beside the projects, for all of them.
            bibles=self._bibles({**session, **record}, controls),
        )

    def _workspace(self, record: Mapping[str, Any]) -> Project:
        created = self._time(record.get("workspace_story_bible_created_ts"))
        controls = {"voice_sample": _text(record, "voice_sample")}
        story_id = _text(record, "workspace_story_bible_id")
        return Project(
            id=WORKSPACE_ID,
            title="Workspace",
            created_at=created,
            updated_at=created,
            draft=prose(_text(record, "draft")),
            story_bible=_story(record),
            intensity=_share(record, "ai_intensity", 0.75),
            kind=Kind.WORKSPACE,
            binding=Binding(_story_id(story_id), created, Source.IMPORT, story_id) if story_id else Binding(),
            bibles=self._bibles(record, controls),
        )

    def _binding(self, record: Mapping[str, Any], old_id: str) -> Binding:
        story_id = _text(record, "story_bible_id") or old_id
        bound = _object(record.get("story_bible_binding") or {}, "story_bible_binding")
        locks = _object(record.get("locks") or {}, "locks")
        shut = bool(bound.get("locked", False)) and not bool(locks.get("sb_edit_unlocked", False))
        return Binding(
            id=_story_id(story_id),
            created_at=self._time(record.get("story_bible_created_ts")),
            source=self._member(Source, bound.get("source", "import"), Source.IMPORT, "story_bible_binding.source"),
            source_id=display_text(str(bound.get("source_story_bible_id") or story_id)),
            locked=shut,
            locked_at=self._time(bound.get("locked_ts")) if shut else None,
            fingerprint=fingerprint(_story(record)) if shut else "",
        )

    def _bibles(self, record: Mapping[str, Any], controls: Mapping[str, Any]) -> Bibles:
        voices = dict(self._voices(_object(record.get("voices") or record.get("voice_vault") or {}, "voices")))
        banks: dict[Style, StyleBank] = {}
        for name, (created, samples) in self._kept(_object(record.get("style_banks") or {}, "style_banks")).items():
            style = next((each for each in TRAINABLE if each.value == name.upper()), None)
            if style is not None:
                fit = self._fitting(samples, STYLE_SAMPLE, name)
                banks[style] = StyleBank(style, created, self._capped(fit, STYLE_CAP, name))
            elif samples:
                self.notes.append(f"The style bank “{name}” is none of the four: it is a voice of that name now.")
                voices[name] = self._voice(name, created, samples)
        return Bibles(
            voice=self._controls(controls, voices),
            voices=tuple(voices.values()),
            banks=tuple(banks[style] for style in TRAINABLE if style in banks),
            forced_lane=self._lane(_object(record.get("locks") or {}, "locks")),
        )

    def _lane(self, locks: Mapping[str, Any]) -> Lane | None:
        return self._member(Lane, locks.get("forced_lane"), Lane.NARRATION, "lane") if locks.get("lane_lock") else None

    def _voices(self, record: Mapping[str, Any]) -> Iterator[tuple[str, Voice]]:
        for name, (created, samples) in self._kept(record).items():
            yield name, self._voice(name, created, samples)

    def _voice(self, name: str, created: datetime, samples: tuple[Sample, ...]) -> Voice:
        fit = self._fitting(samples, VOICE_SAMPLE, name)
        return Voice(name, created, self._capped(fit, VOICE_CAP, name))

    def _kept(self, record: Mapping[str, Any]) -> dict[str, tuple[datetime, tuple[Sample, ...]]]:
        """Name → when it was made, and its samples, in either shape."""
        found = {}
        for name, value in record.items():
            each = _object(value, f"samples of {name}")
            lanes = _object(each["lanes"], f"lanes of {name}") if "lanes" in each else each
            samples = tuple(self._samples(lanes, name))
            found[display_text(name, VOICE_NAME.most)] = (self._time(each.get("created_ts")), samples)
        return found

    def _samples(self, lanes: Mapping[str, Any], name: str) -> Iterator[Sample]:
        for lane, listed in lanes.items():
            if not isinstance(listed, list):
                continue
            for each in listed:
                sample = _object(each, f"a sample of {name}")
                text = prose(_text(sample, "text")).strip()
                if text:
                    yield Sample(self._member(Lane, lane, Lane.NARRATION, "lane"), text, self._time(sample.get("ts")))

    def _fitting(self, samples: tuple[Sample, ...], length: Length, name: str) -> tuple[Sample, ...]:
        """The samples that are long enough; those that are too long as several."""
        short = [each for each in samples if len(each.text) < length.least]
        if short:
            self.notes.append(f"“{name}”: {len(short)} samples under {length.least} characters were left out.")
        kept = (each for each in samples if len(each.text) >= length.least)
        return tuple(replace(each, text=text) for each in kept for text in parted(each.text, length))

    def _capped(self, samples: tuple[Sample, ...], cap: int, name: str) -> tuple[Sample, ...]:
        kept = capped(samples, cap)
        if len(kept) < len(samples):
            self.notes.append(f"“{name}” had {len(samples):,} samples; {cap} of each lane are kept, the newest.")
        return kept

    def _controls(self, record: Mapping[str, Any], voices: Mapping[str, Voice]) -> VoiceBible:
        values: dict[str, Any] = {}
        for field in fields(VoiceBible):
            name = f"vb_{field.name}" if field.name in _PREFIXED else field.name
            if record.get(name) is None:
                continue
            if field.name in _ENUMS:
                values[field.name] = self._member(_ENUMS[field.name], record[name], field.default, name)
            elif field.name in _PREFIXED:
                values[field.name] = bool(record[name])
            elif field.name.endswith("_intensity"):
                values[field.name] = _share(record, name, 0.0)
            else:
                values[field.name] = prose(_text(record, name))
        chosen = values.get("trained_voice", "")
        return VoiceBible(**{**values, "trained_voice": chosen if chosen in voices and chosen != NO_VOICE else ""})

    def _member(self, kind: type[E], value: object, default: Any, name: str) -> Any:
        """The member of that value or name, in any case; else the default, which is noted."""
        text = str(value or "").strip().lower()
        for member in kind:
            if text in {str(member.value).lower(), member.name.lower()}:
                return member
        if text:
            self.notes.append(f"{name} “{display_text(value, 40)}” is unknown here: it is {default.value} now.")
        return default

    def _time(self, value: object, default: datetime | None = None) -> datetime:
        """Local time where no zone is named, as the original wrote it."""
        try:
            return datetime.fromisoformat(str(value)).astimezone(UTC)
        except ValueError:
            return default or self._now


def _story(record: Mapping[str, Any]) -> StoryBible:
    sections = _object(record.get("story_bible") or {}, "story_bible")
    return StoryBible(**{name: prose(_text(sections, name)) for name in SECTIONS})


def _story_id(old: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"olivetti:story:{old}")


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise NotAccepted(f"bundle: {display_text(name)} is no object.")
    return value


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise NotAccepted(f"bundle: {name} is {type(value).__name__} where a text belongs.")
    return value


def _share(record: Mapping[str, Any], name: str, default: float) -> float:
    value = record.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise NotAccepted(f"bundle: {name} is not from 0 to 1.")
    return float(value)
