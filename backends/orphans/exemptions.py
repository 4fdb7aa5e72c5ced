"""Intentional orphans: documents that are never cleaned, by id, parent or filter, each with an owner and a reason.

They are kept in the database that holds the documents, so that whoever cleans, from wherever, leaves them alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from backends.clients.errors import BadAnswer, DeadlineExceeded, NotThere, Refused
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans.values import OBJECT_ID, folded_id, text_of, value_of
from backends.safety.gate import Act, Token
from backends.safety.secrets import mask
from backends.safety.text import display_text
from backends.sampling.reading import utc_now

EXEMPTIONS: Final = "console_orphan_exemptions"
ACT: Final = "orphans.exempt"
MOST: Final = 10_000
"""Exemptions that are read; each is looked at for every document that could be cleaned."""

ANSWER_MS: Final = 5_000
LOOK_UP: Final = 100
RUNS_CODE: Final = frozenset({"$where", "$function", "$accumulator", "$expr"})
"""Operators that no exemption needs, and that run what somebody wrote."""

Kind = Literal["document", "parent", "filter"]
KINDS: Final[tuple[Kind, ...]] = ("document", "parent", "filter")


@dataclass(frozen=True, slots=True)
class Exemption:
    """Documents of a collection that stay. value: an `_id` or a filter as extended JSON, or a parent as it is named.

    owner: who answers for it; expires_at: until when it holds, None for good. Its texts are as they were given.
    """

    id: str
    collection: str
    kind: Kind
    value: str
    owner: str
    reason: str
    made_at: datetime
    expires_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires_at is None or now < self.expires_at

    def shown(self) -> dict[str, object]:
        """The exemption for people: every text masked and safe to show."""
        texts = {name: display_text(mask(getattr(self, name))) for name in ("value", "owner", "reason")}
        times = {"made_at": self.made_at, "expires_at": self.expires_at}
        return {"id": self.id, "collection": self.collection, "kind": self.kind, **texts, **times}


@dataclass(frozen=True, slots=True)
class Exempt:
    """The exemptions of one collection that hold now, in the forms in which they are asked for.

    parents: identities (ids in lower case); queries: (exemption, filter) that find the documents exempted by id ("" for
    the exemption) or by filter.
    """

    parents: frozenset[str]
    queries: tuple[tuple[str, Mapping[str, Any]], ...]

    @classmethod
    def of(cls, exemptions: Sequence[Exemption], collection: str, now: datetime) -> Exempt:
        """Those of the collection."""
        held = [each for each in exemptions if each.collection == collection and each.holds(now)]
        ids = [value_of(each.value, "json") for each in held if each.kind == "document"]
        parts = [ids[start : start + LOOK_UP] for start in range(0, len(ids), LOOK_UP)]
        filters = [(each.id, value_of(each.value, "json")) for each in held if each.kind == "filter"]
        return cls(
            frozenset(identity(each.value) for each in held if each.kind == "parent"),
            (*(("", {"_id": {"$in": part}}) for part in parts), *filters),
        )


@contextmanager
def asked_for(exemption: str) -> Iterator[None]:
    """Says of a query that the server does not take which exemption it is of."""
    try:
        yield
    except BadAnswer as error:
        if not exemption:
            raise
        hint = f"End it: olorin orphans exempt --remove {exemption}"
        raise BadAnswer(f"The exemption {exemption}: {error.message}", where=error.where, hint=hint) from error


def identity(parent: str) -> str:
    """A parent as its references are compared: ids in lower case, in whichever form; anything else as it is.

    >>> identity("6B017F7C056DDA164D0B409D"), identity('{"$oid": "6b017f7c056dda164d0b409d"}'), identity("acme")
    ('6b017f7c056dda164d0b409d', '6b017f7c056dda164d0b409d', 'acme')
    """
    # As JSON a reference is given that is stored as an ObjectId: the same parent as its text names.
    stored = OBJECT_ID(parent)
    return folded_id(stored[1] if stored else parent) or parent


class ExemptionBook:
    """The exemptions of the Olorin database."""

    def __init__(self, mongo: MongoClients, now: Callable[[], datetime] = utc_now) -> None:
        self._mongo = mongo
        self._now = now

    def act(self, **details: object) -> Act:
        """The act of changing them. Raises NotConfigured."""
        return Act(ACT, self._mongo.target(Role.OLORIN).where, details)

    async def all(self) -> tuple[Exemption, ...]:
        """Every exemption, expired ones too, oldest first. Raises BackendError."""
        async with self._mongo.settled(Role.OLORIN) as database:
            cursor = database[EXEMPTIONS].find({}, limit=MOST + 1, max_time_ms=ANSWER_MS)
            found = await cursor.sort([("made_at", 1), ("_id", 1)]).to_list(MOST + 1)
        if len(found) > MOST:
            raise Refused(f"There are more than {MOST:,} exemptions.", hint="Use a filter instead of single ids.")
        return tuple(_exemption(each) for each in found)

    async def add(
        self,
        token: Token,
        collection: str,
        kind: Kind,
        value: str,
        *,
        owner: str,
        reason: str,
        expires_at: datetime | None = None,
    ) -> Exemption:
        """Keeps an exemption. value: a parent's id, or extended JSON. Raises Refused for what can't be asked."""
        token.require(ACT)
        said = checked(kind, value)
        made = Exemption(secrets.token_hex(4), collection, kind, said, owner, reason, self._now(), expires_at)
        if not made.holds(made.made_at):
            raise Refused("The exemption would have expired already.", hint="Give a later time.")
        if kind == "filter":
            await self._try(collection, value_of(said, "json"))
        async with self._mongo.writing(token, Role.OLORIN) as database:
            fields = ("collection", "kind", "value", "owner", "reason", "made_at", "expires_at")
            await database[EXEMPTIONS].insert_one({"_id": made.id, **{name: getattr(made, name) for name in fields}})
        token.outcome(exemption=made.id)
        return made

    async def _try(self, collection: str, filter_: Mapping[str, Any]) -> None:
        """Raises Refused where the server does not take the filter: each scan and clean-up would fail of it."""
        try:
            async with self._mongo.settled(Role.OLORIN) as database:
                await database[collection].find_one(filter_, {"_id": 1}, max_time_ms=ANSWER_MS)
        except DeadlineExceeded:
            return  # it was understood, and is asked for with more time later
        except BadAnswer as error:
            raise Refused(f"The server does not take the filter: {error.message}", where=error.where) from error

    async def remove(self, token: Token, exemption_id: str) -> None:
        """Ends an exemption. Raises NotThere."""
        token.require(ACT)
        async with self._mongo.writing(token, Role.OLORIN) as database:
            found = await database[EXEMPTIONS].delete_one({"_id": exemption_id})
        if not found.deleted_count:
            raise NotThere(f"There is no exemption {exemption_id}.", hint="olorin orphans exempt --list names them.")


def checked(kind: Kind, value: str) -> str:
    """The value in the form in which it is kept. Raises Refused.

    >>> checked("document", "6b017f7c056dda164d0b409d"), checked("document", '"slug"')
    ('{"$oid": "6b017f7c056dda164d0b409d"}', '"slug"')
    """
    from bson import ObjectId

    if kind == "parent":
        return value
    if kind == "document" and ObjectId.is_valid(value):
        return text_of(ObjectId(value))[0]
    try:
        found = value_of(value, "json")
    except Exception as error:
        raise Refused(f"That is no {kind} as extended JSON: {error}") from error
    if kind == "filter" and (not isinstance(found, dict) or not found):
        raise Refused("A filter is a JSON object with at least one condition.")
    if kind == "filter" and (code := RUNS_CODE & names_in(found)):
        raise Refused(f"A filter may not hold {', '.join(sorted(code))}.")
    return value


def names_in(value: object) -> set[str]:
    """The names of all fields and operators in a filter, at any depth.

    >>> sorted(names_in({"$or": [{"a": 1}, {"b": {"$gt": 1}}]}))
    ['$gt', '$or', 'a', 'b']
    """
    if isinstance(value, Mapping):
        return set(value) | {name for each in value.values() for name in names_in(each)}
    return {name for each in value for name in names_in(each)} if isinstance(value, list) else set()


def _exemption(record: Mapping[str, Any]) -> Exemption:
    return Exemption(
        str(record["_id"]),
        *(record[name] for name in ("collection", "kind", "value", "owner", "reason", "made_at", "expires_at")),
    )
