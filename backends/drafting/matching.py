"""Which places of two sequences hold the same, in order: quick for any two, and close to the most that there can be.

The time of the best match grows with the square of the length, and two long drafts may share hardly a sentence. So
equal ends are matched first, then what occurs once in both (as in patience diff), and what lies between by looking a
short way ahead.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

DEPTH: Final = 12
"""Times that what lies between matches is looked through for more that occurs once."""

AHEAD: Final = 24
"""Places looked ahead, in both together, for where two sequences meet again."""

Pair = tuple[int, int]


def matches(before: Sequence[str], after: Sequence[str]) -> list[Pair]:
    """Places that hold the same, rising in both.

    >>> matches(["a", "b", "c", "b"], ["x", "b", "c"])
    [(1, 1), (2, 2)]
    """
    found: list[Pair] = []
    parts = [(_Part(before, after, 0, len(before), 0, len(after)), DEPTH)]
    while parts:
        part, depth = parts.pop()
        found += part.trim()
        anchors = part.anchors() if depth else []
        found += anchors or part.met_again()
        if anchors:
            parts += ((each, depth - 1) for each in part.between(anchors))
    return sorted(found)


class _Part:
    """The places from i to j of the one sequence beside those from m to n of the other."""

    def __init__(self, before: Sequence[str], after: Sequence[str], i: int, j: int, m: int, n: int) -> None:
        self._before, self._after = before, after
        self._i, self._j, self._m, self._n = i, j, m, n

    def trim(self) -> Iterator[Pair]:
        """The places at both ends that hold the same, which the part loses."""
        while self._i < self._j and self._m < self._n and self._before[self._i] == self._after[self._m]:
            yield self._i, self._m
            self._i, self._m = self._i + 1, self._m + 1
        while self._i < self._j and self._m < self._n and self._before[self._j - 1] == self._after[self._n - 1]:
            self._j, self._n = self._j - 1, self._n - 1
            yield self._j, self._n

    def anchors(self) -> list[Pair]:
        """The longest rising row of places whose content occurs once in both."""
        mine, theirs = self._before[self._i : self._j], self._after[self._m : self._n]
        once = {each for each, count in Counter(mine).items() if count == 1}
        once &= {each for each, count in Counter(theirs).items() if count == 1}
        places = {each: place for place, each in enumerate(theirs, self._m) if each in once}
        return rising([(place, places[each]) for place, each in enumerate(mine, self._i) if each in once])

    def between(self, anchors: Sequence[Pair]) -> Iterator[_Part]:
        """What lies before, between and behind the anchors."""
        i, m = self._i, self._m
        for j, n in [*anchors, (self._j, self._n)]:
            if j > i and n > m:
                yield _Part(self._before, self._after, i, j, m, n)
            i, m = j + 1, n + 1

    def met_again(self) -> Iterator[Pair]:
        """Places that hold the same, found from the first on, each a short way ahead of the last."""
        shared = set(self._before[self._i : self._j]) & set(self._after[self._m : self._n])
        mine = [place for place in range(self._i, self._j) if self._before[place] in shared]
        theirs = [place for place in range(self._m, self._n) if self._after[place] in shared]
        i = m = 0
        while i < len(mine) and m < len(theirs):
            step = next((each for each in _STEPS if self._same(mine, i + each[0], theirs, m + each[1])), None)
            if step is not None:
                i, m = i + step[0], m + step[1]
                yield mine[i], theirs[m]
            i, m = i + 1, m + 1

    def _same(self, mine: Sequence[int], i: int, theirs: Sequence[int], m: int) -> bool:
        return i < len(mine) and m < len(theirs) and self._before[mine[i]] == self._after[theirs[m]]


_STEPS: Final = tuple((s, steps - s) for steps in range(AHEAD) for s in range(steps + 1))


def rising(pairs: Sequence[Pair]) -> list[Pair]:
    """The longest part of the pairs, which rise in their first numbers, that rises in the second ones too.

    >>> rising([(0, 5), (1, 1), (2, 2), (3, 0), (4, 7)])
    [(1, 1), (2, 2), (4, 7)]
    """
    ends: list[int] = []  # of the best row of each length, the least number it ends with
    tops: list[int] = []  # and the place of that pair
    before: list[int] = []  # the pair before each in its row, -1 for none
    for place, (_, m) in enumerate(pairs):
        size = bisect_left(ends, m)
        before.append(tops[size - 1] if size else -1)
        ends[size : size + 1], tops[size : size + 1] = [m], [place]
    row, place = [], tops[-1] if tops else -1
    while place >= 0:
        row.append(pairs[place])
        place = before[place]
    return row[::-1]
