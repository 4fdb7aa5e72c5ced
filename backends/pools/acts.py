"""Ending what somebody else runs: a Postgres backend's statement or connection, a Mongo operation.

Each is planned on a session as it was seen, passes the gate, and is looked at again in the moment of sending: what is
there under the same number may be somebody else's by then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeVar

from backends.clients.errors import AccessDenied, BackendError, NotThere, Refused
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.queries import query
from backends.clients.targets import Role
from backends.pools.blocking import behind
from backends.pools.model import Kind, Place, Session
from backends.pools.mongo_operations import identity
from backends.pools.own import mongo_roles, postgres_clients
from backends.safety.gate import Act, Consent, Gate, Token

T = TypeVar("T")
U = TypeVar("U")

SEND_MS: Final = 5_000
"""The server's deadline for sending."""

MAY_SEE: Final = "GRANT pg_read_all_stats, pg_signal_backend TO this role."
MAY_SIGNAL: Final = "GRANT pg_signal_backend TO this role; a superuser's sessions need a superuser."
MAY_KILL: Final = "Grant the role hostManager on admin (it has the action killop)."


class Verb(Enum):
    """What is done to a session."""

    CANCEL = "cancel"
    TERMINATE = "terminate"
    KILL = "kill"


EFFECTS: Final[Mapping[Verb, str]] = {
    Verb.CANCEL: "Its statement is cancelled; the connection stays, and its transaction fails but holds until it ends.",
    Verb.TERMINATE: "Its connection is ended and its open transaction is rolled back; the application must reconnect.",
    Verb.KILL: "Its operation is interrupted; what it has written so far stays, unless it is in a transaction.",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One act on one session as it was seen. behind: how many sessions wait for it. act: what the gate is asked."""

    verb: Verb
    place: Place
    session: Session
    behind: int
    act: Act

    @property
    def effect(self) -> str:
        """What it does, in words."""
        return EFFECTS[self.verb]


class PoolActs:
    """What can be done to other people's sessions, with the gate's permission only."""

    def __init__(self, mongo: MongoClients, postgres: Iterable[PostgresClient], gate: Gate) -> None:
        self._mongo = mongo
        self._postgres = postgres_clients(postgres)
        self._roles = mongo_roles(mongo)
        self._gate = gate

    def plan(self, verb: Verb, place: Place, session: Session, others: Iterable[Session] = ()) -> Change:
        """What would be done, to be shown to the person who decides. Raises Refused where it makes no sense.

        Of a Mongo operation, cancelling and terminating are the same: killing it.
        """
        if place.kind is Kind.MONGO:
            verb = Verb.KILL
        if verb is Verb.CANCEL and session.state.startswith("idle"):
            raise Refused("It runs nothing that could be cancelled.", hint="Terminating it ends its transaction.")
        details = {
            "number": session.number,
            "started": session.started,
            "app": session.app,
            "user": session.user,
            "state": session.state,
            "query": session.query,
        }
        target, *beside = self._targets(place)
        act = Act(f"pools.{verb.value}", target, details, beside=tuple(beside))
        return Change(verb, place, session, behind(session.number, others), act)

    async def carry_out(self, change: Change, consent: Consent) -> None:
        """Does it, if the gate lets it pass. Raises Refused, NotThere where the session has gone, and BackendError."""
        async with self._gate.act(change.act, consent) as token:
            if change.verb is Verb.KILL:
                await self.kill(token, change)
            else:
                await self.signal(token, change)
            token.outcome(sent=1)

    async def signal(self, token: Token, change: Change) -> None:
        """Cancels or terminates a Postgres backend, known by its pid and its start."""
        token.require(change.act.name)
        row = await _by_the_first_let_in(self._postgres[change.place], lambda client: _sent(client, token, change))
        if row is None or not row["sent"]:
            raise _gone(change.session)

    async def kill(self, token: Token, change: Change) -> None:
        """Kills a Mongo operation, known by its number, its connection and its client's address."""
        token.require(change.act.name)
        killed = await _by_the_first_let_in(
            self._roles[change.place], lambda role: _killed(self._mongo, role, token, change.session)
        )
        if not killed:
            raise _gone(change.session)

    def _targets(self, place: Place) -> tuple[str, ...]:
        """The databases on the server that its sessions are asked for through, in that order."""
        if place.kind is Kind.MONGO:
            return tuple(self._mongo.target(role).where for role in self._roles[place])
        return tuple(client.target.where for client in self._postgres[place])


async def _by_the_first_let_in(ways: Iterable[T], act: Callable[[T], Awaitable[U]]) -> U:
    """What the act gives by the first of the ways that lets us in, as reading goes. Raises the first one's refusal."""
    refused: list[BackendError] = []
    for way in ways:
        try:
            return await act(way)
        except (AccessDenied, NotThere) as error:
            refused.append(error)
    raise refused[0]


async def _sent(client: PostgresClient, token: Token, change: Change) -> Any:
    """The answer to the signal; None where nobody is there."""
    try:
        async with client.writing(token, SEND_MS) as connection:
            text = query(__file__, f"send_{change.verb.value}")
            row = await connection.fetchrow(text, change.session.number, change.session.started)
    except AccessDenied as error:
        raise AccessDenied(error.message, where=error.where, hint=MAY_SIGNAL) from error
    if row is not None and row["hidden"]:
        where = client.target.where
        raise AccessDenied("Whether it is still the same session is hidden.", where=where, hint=MAY_SEE)
    return row


async def _killed(mongo: MongoClients, role: Role, token: Token, session: Session) -> bool:
    """Whether the operation was still there, and was killed."""
    try:
        async with mongo.writing(token, role) as database:
            admin = database.client["admin"]
            if not any(_is(session, each) for each in await _operations(admin)):
                return False
            await admin.command("killOp", op=session.number)
    except AccessDenied as error:
        raise AccessDenied(error.message, where=error.where, hint=MAY_KILL) from error
    return True


async def _operations(admin: Any) -> list[Mapping[str, Any]]:
    """What runs now, from the stage; from the older command where the stage lists only the caller."""
    stage = {"$currentOp": {"allUsers": True, "idleConnections": False, "localOps": True}}
    cursor = admin.aggregate([stage, {"$match": {"connectionId": {"$exists": True}}}], maxTimeMS=SEND_MS)
    listed: list[Mapping[str, Any]] = await cursor.to_list(None)
    if len(listed) > 1:
        return listed
    answer = await admin.command("currentOp", **{"$all": True, "maxTimeMS": SEND_MS})
    return [*listed, *answer.get("inprog", ())]


def _is(session: Session, operation: Mapping[str, Any]) -> bool:
    return operation.get("opid") == session.number and identity(operation) == session.started


def _gone(session: Session) -> NotThere:
    return NotThere(f"{session.number} has ended meanwhile, or is another's by now. Nothing was sent.")
