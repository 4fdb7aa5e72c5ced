"""What the config screen draws: the classes' health, the rows of the table, and what is told of one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from backends.config.changes import Change
from backends.config.model import Candidate, ConfigSnapshot, Finding, Flag, Setting, Status
from widgets.gauge import bar
from widgets.grid import Column, Row
from widgets.line import fitted
from widgets.tone import Cell, Part, Tone, plain_text

MARKS: Final = {
    Status.OK: Part("● ok", Tone.OK),
    Status.WARN: Part("▲ warn", Tone.WARNING),
    Status.FAIL: Part("✖ fail", Tone.CRITICAL),
}

COLUMNS: Final = (
    Column("state", 6),
    Column("class", 13, drop=2),
    Column("setting", 24, flexible=True),
    Column("value", 16, flexible=True),
    Column("source", 14, drop=1),
)

CELL_WIDTH: Final = 19
"""Cells of one class in the health lines."""

BAR_WIDTH: Final = 3

NAMED: Final = 3
"""Changed settings that are named; the rest are counted."""

Line = tuple[Cell, ...]


def mark(status: Status) -> Part:
    """The state as symbol and word."""
    return MARKS[status]


def changes_said(changes: Sequence[Change]) -> str:
    """The settings that another hand changed, by name; one of them with both values.

    >>> changes_said([Change("olorin.recap.summary_max_tokens", "RECAP_SUMMARY_MAX_TOKENS", "100", "200")])
    'RECAP_SUMMARY_MAX_TOKENS: 100 → 200'
    """
    if len(changes) == 1:
        [change] = changes
        return f"{change.name}: {change.before or 'not set'} → {change.after or 'not set'}"
    names = list(dict.fromkeys(change.name for change in changes))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def total_note(snapshot: ConfigSnapshot) -> list[Cell]:
    """How many settings stand how, beside the title."""
    counts = Counter(setting.status for setting in snapshot.settings)
    counts.update(finding.status for finding in snapshot.others if finding.status is not Status.OK)
    changed = sum(setting.changed_since_start for setting in snapshot.settings)
    note: list[Cell] = []
    for status in (Status.FAIL, Status.WARN, Status.OK):
        if counts[status]:
            note += ["  ", Part(f"{MARKS[status].text[0]} {counts[status]} {status.value}", MARKS[status].tone)]
    if changed:
        note += ["  ", Part(f"{changed} changed since the start", Tone.WARNING)]
    if snapshot.env_file:
        note.append(Part(f"  {_last(snapshot.env_file)}", Tone.MUTED))
    return note


def _last(path: str) -> str:
    """The file's name, with the line where there is one."""
    return path.rpartition("/")[2]


def health_lines(settings: Sequence[Setting], width: int, all_: bool = True) -> list[Line]:
    """A bar for each class, as many beside each other as fit: how much of it is ok, and how many are not.

    all_: whether classes that are ok have one too; where there is little room, a word stands for them.
    """
    classes = [list(group) for _, group in groupby(settings, key=lambda setting: setting.group)]
    bad = [each for each in classes if any(setting.status is not Status.OK for setting in each)]
    if not all_ and not bad:
        return [(Part(f"● all {len(classes)} classes are ok", Tone.OK),)]
    cells = [_class_cell(each) for each in (classes if all_ else bad)]
    in_a_line = max(width // CELL_WIDTH, 1)
    return [tuple(part for cell in line for part in cell) for line in _in_lines(cells, in_a_line)]


def _in_lines(cells: Sequence[list[Part]], size: int) -> Iterator[Sequence[list[Part]]]:
    for start in range(0, len(cells), size):
        yield cells[start : start + size]


def _class_cell(settings: list[Setting]) -> list[Part]:
    counts = Counter(setting.status for setting in settings)
    worst = max((setting.status for setting in settings), key=lambda status: status.rank)
    bad = counts[Status.WARN] + counts[Status.FAIL]
    tone = MARKS[worst].tone
    gauge = bar(counts[Status.OK], counts[Status.WARN], len(settings), BAR_WIDTH, tone)
    return [
        Part(f"{MARKS[worst].text[0]} ", tone),
        Part(f"{fitted(settings[0].group, 10)} ", Tone.PLAIN if bad else Tone.MUTED),
        *gauge,
        Part(f" {bad or '':<2}", tone),
    ]


def rows(snapshot: ConfigSnapshot, wanted: str, findings_only: bool) -> list[Row]:
    """What is wrong, the worst first, then every setting class by class; only those that hold the text."""
    found = [*_other_rows(snapshot.others), *map(_setting_row, snapshot.settings)]
    kept = [(status, row) for status, row in found if wanted in plain_text(row.cells).lower() or wanted in row.key]
    if findings_only:
        kept = [(status, row) for status, row in kept if status is not Status.OK]
    kept.sort(key=lambda each: -each[0].rank)
    return [row for _, row in kept]


def _setting_row(setting: Setting) -> tuple[Status, Row]:
    value = Part(setting.value, Tone.PLAIN) if setting.value else Part("–", Tone.MUTED)
    given = setting.source not in {"default", "not set"}
    cells = (
        mark(setting.status),
        Part(setting.group, Tone.MUTED),
        setting.name,
        value,
        Part(_last(setting.source), Tone.PLAIN if given else Tone.MUTED),
    )
    return setting.status, Row(setting.id, cells)


def _other_rows(findings: Iterable[Finding]) -> Iterator[tuple[Status, Row]]:
    """One row an id, with its worst finding."""
    worst: dict[str, Finding] = {}
    for finding in findings:
        if finding.id not in worst or finding.status.rank > worst[finding.id].status.rank:
            worst[finding.id] = finding
    for id_, finding in worst.items():
        group, _, name = id_.partition(".")
        cells = (mark(finding.status), Part(group, Tone.MUTED), name or group, finding.message, "")
        yield finding.status, Row(id_, cells)


def details(snapshot: ConfigSnapshot, key: str) -> list[Line]:
    """All that is known of a row."""
    setting = next((each for each in snapshot.settings if each.id == key), None)
    if setting is None:
        return [(Part(key, Tone.STRONG),), *_findings_lines(each for each in snapshot.others if each.id == key)]
    flag = next((each for each in snapshot.flags if each.id == key), None)
    return list(_setting_lines(setting, flag, snapshot))


def remedy(snapshot: ConfigSnapshot, key: str) -> str:
    """The line to paste for a row; empty where there is none."""
    findings = [each for setting in snapshot.settings if setting.id == key for each in setting.findings]
    findings += [each for each in snapshot.others if each.id == key]
    findings.sort(key=lambda each: -each.status.rank)
    return next((each.remedy for each in findings if each.remedy), "")


def _setting_lines(setting: Setting, flag: Flag | None, snapshot: ConfigSnapshot) -> Iterator[Line]:
    yield Part(setting.name, Tone.STRONG), "  ", mark(setting.status)
    yield from _findings_lines(setting.findings)
    yield (Part(f"{setting.title} · {setting.id}", Tone.MUTED),)
    yield (setting.description,)
    if setting.range:
        yield Part("may be  ", Tone.MUTED), setting.range
    if setting.needed_by:
        yield Part("needed by  ", Tone.MUTED), ", ".join(setting.needed_by)
    yield from _candidate_lines(setting.candidates)
    if setting.changed_since_start:
        yield (Part("changed since the console started; it uses the old value", Tone.WARNING),)
    if flag is not None:
        yield from _flag_lines(flag, snapshot)


def _findings_lines(findings: Iterable[Finding]) -> Iterator[Line]:
    """Findings rule by rule: what is wrong, what to paste, and once for each rule what it says and guards."""
    for _, same in groupby(findings, key=lambda finding: finding.rule):
        of_rule = list(same)
        for finding in of_rule:
            yield Part(f"{MARKS[finding.status].text[0]} ", MARKS[finding.status].tone), finding.message
            if finding.remedy:
                yield Part("paste  ", Tone.MUTED), Part(finding.remedy, Tone.ACCENT)
            if finding.chain:
                yield Part("because  ", Tone.MUTED), " → ".join(finding.chain)
        if of_rule[0].why:
            yield Part("rule  ", Tone.MUTED), of_rule[0].why
        if of_rule[0].breaks and of_rule[0].status is not Status.OK:
            yield Part("breaks  ", Tone.MUTED), of_rule[0].breaks


def _candidate_lines(candidates: Sequence[Candidate]) -> Iterator[Line]:
    if not candidates:
        yield (Part("set nowhere, and without a default", Tone.MUTED),)
    for each in candidates:
        tone = Tone.PLAIN if each.wins else Tone.MUTED
        end = "" if each.wins else "  (shadowed)"
        yield Part("▸ " if each.wins else "  ", Tone.ACCENT), Part(each.where, tone), Part(f"  {each.value}{end}", tone)


def _flag_lines(flag: Flag, snapshot: ConfigSnapshot) -> Iterator[Line]:
    """What the switch needs, and whether it is safe to turn on."""
    if flag.safe:
        yield (Part("● all that it needs is there" if flag.on else "● safe to turn on", Tone.OK),)
    elif flag.safe is None:
        yield (Part("? not checked: its server has not answered", Tone.NO_DATA),)
    else:
        yield (Part("✖ on, but not all that it needs is there" if flag.on else "✖ not safe to turn on", Tone.CRITICAL),)
        for finding in flag.missing:
            yield Part("  ", Tone.PLAIN), finding.message
    missing = {finding.id for finding in flag.missing}
    for setting in snapshot.settings:
        if setting.id in flag.needs:
            mark_ = MARKS[Status.FAIL if setting.id in missing else Status.OK]
            yield Part(f"  {mark_.text[0]} ", mark_.tone), "needs ", setting.name
