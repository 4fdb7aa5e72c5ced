"""From sources to what is shown: every setting with its value masked, its candidates and its findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from backends.config.catalogue import Spec, specs
from backends.config.env_file import EnvFile
from backends.config.model import (
    Candidate,
    Check,
    ConfigSnapshot,
    Counts,
    DeprecatedName,
    Finding,
    Flag,
    Report,
    Setting,
    Status,
    worst_status,
)
from backends.config.names import unknown_finding, unknown_names
from backends.config.rules import flags, judge, own_findings
from backends.config.rules_needed import ASKED_FOR, MIGRATE_FIRST, ONE_DATABASE, TARGET_SILENT, needed_by
from backends.config.sources import DEFAULT, Raw, Sources
from backends.config.values import Values, plain, read_values
from backends.safety.secrets import fingerprint, is_url_name, mask, masked
from backends.safety.text import display_text
from backends.safety.url_secrets import mask_url, secrets_in

ODDITIES_SHOWN: Final = 100
"""Lines of a file that are told one by one; a file of another kind would fill the report."""

VETOES: Final = frozenset({MIGRATE_FIRST, ONE_DATABASE, TARGET_SILENT})
"""Rules about servers' answers that keep a flag from being safe, whatever the status of what they found."""

UNSET_DEFAULTS: Final = ("", None)


def take_snapshot(
    sources: Sources, own_problems: Mapping[str, str], started: Mapping[str, str] | None = None
) -> ConfigSnapshot:
    """The configuration that the sources give.

    own_problems: what is wrong with the console's own variables. started: the variables that the console started
    with, for telling which ones changed since.
    """
    values = read_values(sources)
    findings = tuple(map(_masked, (*judge(values), *own_findings(own_problems))))
    unknown = tuple(unknown_names(sources))
    others = (*_file_findings(sources.file), *map(unknown_finding, unknown))
    by_setting: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_setting[finding.id].append(finding)
    changed = _changed(sources.merged(), started)
    return ConfigSnapshot(
        environment=values.environment,
        env_file=sources.file.shown_path if sources.file else "",
        settings=tuple(_setting(spec, values, by_setting[spec.id], changed) for spec in specs()),
        others=tuple(map(_masked, others)),
        deprecated=tuple(_deprecated(values)),
        unknown=unknown,
        flags=tuple(_masked_flag(flag) for flag in flags(values, findings)),
    )


def with_findings(snapshot: ConfigSnapshot, findings: Iterable[Finding]) -> ConfigSnapshot:
    """The snapshot with findings from elsewhere, such as the servers' answers."""
    ids = {setting.id for setting in snapshot.settings}
    more: dict[str, list[Finding]] = defaultdict(list)
    for finding in map(_masked, findings):
        more[finding.id].append(finding)
    settings = tuple(_and(setting, more[setting.id]) for setting in snapshot.settings)
    switches = tuple(_and_answers(flag, more) for flag in snapshot.flags)
    others = tuple(finding for id_, each in more.items() if id_ not in ids for finding in each)
    return replace(snapshot, settings=settings, others=(*snapshot.others, *others), flags=switches)


def report(snapshot: ConfigSnapshot) -> Report:
    """What the check says: one entry for each id, with its worst status."""
    checks = (*map(_check_of_setting, snapshot.settings), *_checks_of_others(snapshot.others))
    statuses = [check.status for check in checks]
    counts = Counts(*(statuses.count(status) for status in Status))
    return Report(snapshot.environment, worst_status(statuses), counts, checks, snapshot.deprecated, snapshot.unknown)


def shown_value(spec: Spec, value: str) -> str:
    """A value as it may be shown: of a secret its length and fingerprint, of a URL all but its secrets' fingerprint."""
    if spec.secret:
        return masked(value)
    if "://" not in value and not is_url_name(spec.name):
        return display_text(mask(value))
    hidden = "\n".join(dict.fromkeys(secrets_in(value)))
    told = f" (#{fingerprint(hidden)})" if hidden else ""
    return display_text(mask(mask_url(value))) + told


def _setting(spec: Spec, values: Values, findings: list[Finding], changed: frozenset[str]) -> Setting:
    found, winner = values.found[spec.id], values.winner(spec.id)
    default = "" if spec.secret else plain(spec.default)
    return Setting(
        id=spec.id,
        group=spec.group,
        title=spec.title,
        name=spec.name,
        value=shown_value(spec, winner.value) if winner else default,
        default=default,
        range=spec.range,
        secret=spec.secret,
        description=spec.description,
        source=values.where(spec.id),
        status=worst_status(finding.status for finding in findings),
        candidates=tuple(_candidates(spec, found, winner, default)),
        findings=tuple(findings),
        needed_by=needed_by(spec.id),
        changed_since_start=not changed.isdisjoint((spec.name, *spec.older_names)),
    )


def _candidates(spec: Spec, found: tuple[Raw, ...], winner: Raw | None, default: str) -> Iterator[Candidate]:
    for raw in found:
        yield Candidate(raw.source, raw.line, raw.name, shown_value(spec, raw.value), raw is winner)
    if spec.default not in UNSET_DEFAULTS:
        yield Candidate(DEFAULT, 0, spec.name, default, winner is None)


def _changed(now: Mapping[str, str], started: Mapping[str, str] | None) -> frozenset[str]:
    """The variables that are another now than when the console started."""
    if started is None:
        return frozenset()
    return frozenset(name for name in {*now, *started} if now.get(name) != started.get(name))


def _and(setting: Setting, more: list[Finding]) -> Setting:
    findings = (*setting.findings, *more)
    return replace(setting, findings=findings, status=worst_status(finding.status for finding in findings))


def _and_answers(flag: Flag, more: Mapping[str, list[Finding]]) -> Flag:
    """The flag is not safe to turn on while what it switches to is empty or silent, and not known to be unasked."""
    missing = (*flag.missing, *(finding for finding in more[flag.id] if finding.rule in VETOES))
    asked = all(any(finding.status is Status.OK for finding in more[id_]) for id_ in ASKED_FOR.get(flag.id, ()))
    return replace(flag, missing=missing, safe=False if missing else True if asked else None)


def _masked(finding: Finding) -> Finding:
    """The finding with texts that are safe to show, whatever a server or a file put into them."""
    return replace(
        finding,
        id=display_text(finding.id),
        message=display_text(mask(finding.message)),
        remedy=display_text(mask(finding.remedy)),
        chain=tuple(display_text(mask(step)) for step in finding.chain),
    )


def _masked_flag(flag: Flag) -> Flag:
    return replace(flag, missing=tuple(map(_masked, flag.missing)))


def _file_findings(file: EnvFile | None) -> Iterator[Finding]:
    if file is None:
        return
    for oddity in file.oddities[:ODDITIES_SHOWN]:
        id_ = f"env_file.line_{oddity.line}" if oddity.line else "env_file"
        yield Finding(
            id_,
            "dotenv file",
            Status(oddity.grade),
            file.told(oddity),
            why="A dotenv file says the same to everything that reads it.",
            breaks="what the line sets",
        )
    rest = len(file.oddities) - ODDITIES_SHOWN
    if rest > 0:
        yield Finding("env_file", "dotenv file", Status.WARN, f"{file.shown_path}: {rest:,} more odd lines")
    if not any(oddity.line == 0 for oddity in file.oddities) and rest <= 0:
        count = len(file.values())
        yield Finding("env_file", "dotenv file", Status.OK, f"{file.shown_path}: {count:,} variables")


def _deprecated(values: Values) -> Iterator[DeprecatedName]:
    for spec in specs():
        for raw in values.found[spec.id]:
            if raw.name in spec.older_names:
                yield DeprecatedName(raw.name, spec.name, raw.where)


def _check_of_setting(setting: Setting) -> Check:
    message, remedy = _all_told(setting.findings)
    return Check(setting.id, setting.group, setting.status, message or "ok", remedy, setting.value, setting.source)


def _checks_of_others(findings: Iterable[Finding]) -> Iterator[Check]:
    by_id: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_id[finding.id].append(finding)
    for id_, same in by_id.items():
        status = worst_status(finding.status for finding in same)
        yield Check(id_, id_.partition(".")[0], status, *_all_told(same), "", "")


def _all_told(findings: Iterable[Finding]) -> tuple[str, str]:
    """What is wrong, the worst first, and a line to paste for each that has one; what is right where nothing is."""
    wrong = sorted(findings, key=lambda finding: -finding.status.rank)
    wrong = [each for each in wrong if each.status is not Status.OK] or wrong
    messages = dict.fromkeys(each.message for each in wrong)
    remedies = dict.fromkeys(each.remedy for each in wrong if each.remedy)
    return "; ".join(messages), "\n".join(remedies)
