"""Who waits for whom: sessions that block others as a tree, with how many would move if one ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backends.pools.model import Session


@dataclass(frozen=True, slots=True)
class Branch:
    """A session in the tree: how deep it stands, and how many sessions wait behind it."""

    session: Session
    depth: int
    behind: int


def tree(sessions: Sequence[Session]) -> tuple[Branch, ...]:
    """Every session once: those that block first, each followed by those that wait for it, then the others.

    A session that waits for several stands below the first of them; a ring (the server breaks deadlocks after a
    second) begins anywhere.

    >>> a, b, c, d = (Session(n, "", None, blocked_by=by) for n, by in ((1, ()), (2, (1,)), (3, (2,)), (4, ())))
    >>> [(each.session.number, each.depth, each.behind) for each in tree([d, c, b, a])]
    [(1, 0, 2), (2, 1, 1), (3, 2, 0), (4, 0, 0)]
    """
    waiting: dict[int | str, list[Session]] = {}
    for session in sessions:
        for number in session.blocked_by:
            waiting.setdefault(number, []).append(session)
    known = {session.number for session in sessions}
    blocked = [session for session in sessions if known.intersection(session.blocked_by)]
    roots = [session for session in sessions if session not in blocked and session.number in waiting]
    found: dict[int | str, Branch] = {}
    for root in (*roots, *blocked, *sessions):
        _descend(root, 0, waiting, found)
    return tuple(found.values())


def behind(number: int | str, sessions: Iterable[Session]) -> int:
    """How many sessions wait for this one, directly or for one that does."""
    waiting, found, asked = list(sessions), set[int | str](), [number]
    while asked:
        last = asked.pop()
        more = [each.number for each in waiting if last in each.blocked_by and each.number not in found]
        found.update(more)
        asked += more
    return len(found - {number})


def _descend(
    session: Session, depth: int, waiting: dict[int | str, list[Session]], found: dict[int | str, Branch]
) -> None:
    if session.number in found:
        return
    everybody = {id(each): each for several in waiting.values() for each in several}.values()
    found[session.number] = Branch(session, depth, behind(session.number, everybody))
    for each in waiting.get(session.number, ()):
        _descend(each, depth + 1, waiting, found)
