"""The Prometheus text format, as far as gauges need it: samples of the wanted metrics, one by one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_NAME = r"[a-zA-Z_:][\w:.]*"
_STRING = r'"(?:[^"\\]|\\.)*+"'
_SAMPLE: Final = re.compile(
    rf"(?P<name>{_NAME})?[ \t]*+(?:\{{(?P<labels>(?:[^\"}}]|{_STRING})*+)\}})?[ \t]*+"
    r"(?P<value>[+-]?[\w.+-]++)(?:[ \t]++[+-]?[\d.]++(?:[eE][+-]?\d++)?)?(?:[ \t]*+#.*+)?[ \t\r]*+",
    re.ASCII,
)
"""A sample: name and labels (a quoted name may be the first label), value, time, exemplar."""

_LABEL: Final = re.compile(
    rf"[ \t]*+(?:(?P<name>{_NAME}|{_STRING})[ \t]*=[ \t]*)?(?P<value>{_STRING})[ \t]*+(?:,|$)", re.ASCII
)
_LONGEST_LINE: Final = 16_384
"""Characters; a longer line is no sample that anybody wants to read."""

_ESCAPES: Final = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample; dots of names and labels are written as underscores, as the format does without UTF-8 names."""

    name: str
    labels: Mapping[str, str]
    value: float


def is_metrics_text(text: str) -> bool:
    """Whether the first line that isn't empty is a comment or a sample.

    >>> is_metrics_text("# HELP up whether it is up\\nup 1"), is_metrics_text("<!doctype html>"), is_metrics_text("")
    (True, False, False)
    """
    first = text.lstrip()[:_LONGEST_LINE].partition("\n")[0]
    return first.startswith("#") or _sample(first) is not None


def samples(text: str, wanted: frozenset[str]) -> Iterator[Sample]:
    """The finite samples whose name is wanted; other lines are skipped unread, so a large text costs little.

    >>> list(samples('up 1\\npool_max{pool="a, \\\\"b\\\\""} 5 # {trace="1"} 1', frozenset({"pool_max"})))
    [Sample(name='pool_max', labels={'pool': 'a, "b"'}, value=5.0)]
    """
    heads = {name[:8] for name in wanted} | {name.replace("_", ".")[:8] for name in wanted} | {"{"}
    for line in text.split("\n"):
        start = line.lstrip()
        if (start[:8] in heads or start[:1] in heads) and len(start) <= _LONGEST_LINE:
            found = _sample(start)
            if found is not None and found.name in wanted and math.isfinite(found.value):
                yield found


def _sample(line: str) -> Sample | None:
    match = _SAMPLE.fullmatch(line)
    if match is None:
        return None
    labels = _labels(match["labels"] or "")
    name = match["name"] or (labels or {}).pop("", None)
    try:
        value = float(match["value"])
    except ValueError:
        return None
    return None if labels is None or not name else Sample(name.replace(".", "_"), labels, value)


def _labels(text: str) -> dict[str, str] | None:
    """The labels by name, a quoted metric name under ""; None where the text is malformed."""
    labels: dict[str, str] = {}
    place = 0
    text = text.rstrip(" \t,")
    while place < len(text):
        match = _LABEL.match(text, place)
        if match is None:
            return None
        name = match["name"] or ""
        key = (_unquoted(name) if name.startswith('"') else name).replace(".", "_")
        labels[key] = _unquoted(match["value"])
        place = match.end()
    return labels


def _unquoted(text: str) -> str:
    return re.sub(r"\\.", lambda match: _ESCAPES.get(match[0], match[0]), text[1:-1])
