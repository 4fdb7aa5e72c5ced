"""What a Mongo database tells of its changes: a change stream read by hand, so that each answer's token is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import BackendError

if TYPE_CHECKING:
    from bson.raw_bson import RawBSONDocument
    from motor.motor_asyncio import AsyncIOMotorDatabase

_LOST: Final = frozenset({9, 260, 280, 286})  # FailedToParse, InvalidResumeToken, …FatalError, …HistoryLost
_NO_STREAMS: Final = frozenset({40573})


class TokenLost(BackendError):
    """The server does not remember what happened since the token."""

    kind = "token lost"


class NoChangeStreams(BackendError):
    """The server is no replica set: it tells no changes."""

    kind = "no change streams"


class ChangeFeed:
    """Changes since a token, undecoded, in the order in which they happened.

    Its methods raise the driver's exceptions besides TokenLost and NoChangeStreams: use it where those are mapped.
    """

    def __init__(self, database: AsyncIOMotorDatabase[dict[str, Any]], stages: Sequence[Mapping[str, Any]]) -> None:
        from bson.codec_options import CodecOptions
        from bson.raw_bson import RawBSONDocument

        self._database = database
        self._stages = list(stages)
        self._options = CodecOptions(document_class=RawBSONDocument)
        self._session: Any = None
        self._cursor = 0
        self._waiting: list[RawBSONDocument] = []
        self.token = b""
        """Where to go on after what was taken."""

    async def open(self, token: bytes = b"") -> None:
        """Begins after the token, or now. Raises TokenLost and NoChangeStreams."""
        from bson.raw_bson import RawBSONDocument
        from pymongo.errors import OperationFailure

        self._session = await self._database.client.start_session()
        begins = {"resumeAfter": RawBSONDocument(token)} if token else {}
        pipeline = [{"$changeStream": begins}, *self._stages]
        try:
            answer = await self._command({"aggregate": 1, "pipeline": pipeline, "cursor": {"batchSize": 0}})
        except OperationFailure as error:
            if error.code in _NO_STREAMS:
                raise NoChangeStreams("The server tells no changes: it is no replica set.") from error
            raise _lost(error) if token and error.code in _LOST else error from error
        self._keep(answer, "firstBatch")

    async def take(self, limit: int, wait_ms: int) -> tuple[list[RawBSONDocument], bool]:
        """At most about so many events, waiting so long for the first; and whether there are no more for now."""
        taken, self._waiting = self._waiting, []
        while len(taken) < limit:
            asked = {"collection": "$cmd.aggregate", "batchSize": limit, "maxTimeMS": 1 if taken else wait_ms}
            from bson.int64 import Int64

            self._keep(await self._more({"getMore": Int64(self._cursor), **asked}), "nextBatch")
            if not self._waiting:
                return taken, True
            taken += self._waiting
            self._waiting = []
        return taken, False

    async def aclose(self) -> None:
        """Gives the server's resources back, if it can be reached."""
        session, self._session = self._session, None
        if session is None:
            return
        with suppress(Exception):
            from bson.int64 import Int64

            if self._cursor:
                await self._database.command(
                    {"killCursors": "$cmd.aggregate", "cursors": [Int64(self._cursor)]}, session=session
                )
        with suppress(Exception):
            await session.end_session()

    async def _more(self, command: dict[str, Any]) -> Any:
        from pymongo.errors import OperationFailure

        try:
            return await self._command(command)
        except OperationFailure as error:
            raise _lost(error) if error.code in _LOST else error from error

    async def _command(self, command: dict[str, Any]) -> Any:
        return await self._database.command(command, codec_options=self._options, session=self._session)

    def _keep(self, answer: Any, batch: str) -> None:
        cursor = answer["cursor"]
        self._cursor = cursor["id"]
        self._waiting += cursor[batch]
        token = cursor.get("postBatchResumeToken") or (self._waiting[-1]["_id"] if self._waiting else None)
        if token is not None:
            self.token = token.raw


def _lost(error: Exception) -> TokenLost:
    return TokenLost(f"The server does not remember that far back: {error}")
