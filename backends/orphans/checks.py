"""What keeps a clean-up from being executed: each rule of the gate, judged on numbers alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from backends.orphans.clean_model import PlannedReference, in_percent

SHRUNK: Final = 0.2
"""The part of a parent collection that may be gone since the scan before; more looks like a wrong database."""

MOST_SHARE: Final = 0.5
"""The part of the children that may go without being confirmed by its number."""

Refusal = tuple[str, str]


def refusals(
    planned: Sequence[PlannedReference],
    parents_before: Mapping[str, int],
    *,
    separated: bool,
    confirmed_percent: int | None,
) -> Iterator[Refusal]:
    """(why not, what to do) for each rule that is broken; nothing where the clean-up may be executed.

    parents_before: reference → parents that scans before this one found.
    """
    if not separated:
        yield "The databases are not separated.", "Set OLORIN_USE_SEPARATE_DATABASE=true."
    for each in planned:
        if not each.planned:
            continue
        if not each.parents:
            yield f"{each.parent} is empty: nothing is an orphan of nothing.", "Is this the right database?"
        known = parents_before.get(each.name)
        if known and shrunk(known, each.parents):
            yield shrunk_words(each.parent, known, each.parents), "Was it emptied, or is it the wrong database?"
    for name, share, documents in shares(planned):
        percent = in_percent(share)
        if share > MOST_SHARE and percent != confirmed_percent:
            hint = f"Look at what is left. If it is right, confirm it: --collection {name} --confirm-share {percent}"
            yield f"{percent} % of {name} would go ({documents:,} documents).", hint


def share_to_confirm(planned: Sequence[PlannedReference]) -> int | None:
    """The percent by which the clean-up may be confirmed; None where none has to be, or one would not do for all."""
    percents = {in_percent(share) for _, share, _ in shares(planned) if share > MOST_SHARE}
    return percents.pop() if len(percents) == 1 else None


def shares(planned: Sequence[PlannedReference]) -> Iterator[tuple[str, float, int]]:
    """(collection, the part of it that would go, documents): all of its references together.

    >>> both = [PlannedReference(f"a.{field}", "p", children=10, parents=1, planned=4) for field in "xy"]
    >>> list(shares([*both, PlannedReference("b.z", "p", children=9, parents=1)]))
    [('a', 0.8, 8), ('b', 0.0, 0)]
    """
    for name in dict.fromkeys(each.collection for each in planned):
        its = [each for each in planned if each.collection == name]
        documents, children = sum(each.planned for each in its), max(each.children for each in its)
        yield name, documents / children if children else 0.0, documents


def shrunk(before: int, now: int) -> bool:
    """Whether a parent collection lost more than it may.

    >>> shrunk(100, 80), shrunk(100, 79), shrunk(0, 0)
    (False, True, False)
    """
    return now < before * (1 - SHRUNK)


def shrunk_words(parent: str, before: int, now: int) -> str:
    """A shrunk parent collection in words."""
    return f"{parent} shrank from {before:,} to {now:,} since the scan before."
