"""A Mongo database through which nothing can be written: reads pass, everything else is refused before it is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar

from backends.clients.errors import WriteRefused

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase

    from backends.clients.changes import ChangeFeed

Document = dict[str, Any]
Pipeline = Sequence[Mapping[str, Any]]

READING_COMMANDS: Final = frozenset(
    {
        "buildinfo", "collstats", "connectionstatus", "connpoolstats", "count", "currentop", "dbhash", "dbstats",
        "distinct", "explain", "getcmdlineopts", "getparameter", "hello", "hostinfo", "listcollections",
        "listdatabases", "listindexes", "ping", "replsetgetstatus", "serverstatus", "top",
    }
)  # fmt: skip
"""Commands that change nothing, in lower case; any other is refused."""


T = TypeVar("T")


class ReadingCursor(Generic[T]):
    """What comes out of a driver's cursor; the way back to its collection, which could write, stays shut."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[T]:
        found: Awaitable[T] = self._cursor.__anext__()
        return found

    def sort(self, *args: Any) -> Self:
        """As the driver's sort."""
        self._cursor.sort(*args)
        return self

    def hint(self, index: Any) -> Self:
        """As the driver's hint."""
        self._cursor.hint(index)
        return self

    def allow_disk_use(self, allowed: bool) -> Self:
        """As the driver's allow_disk_use."""
        self._cursor.allow_disk_use(allowed)
        return self

    async def to_list(self, length: int | None = None) -> list[T]:
        """As the driver's to_list."""
        found: list[T] = await self._cursor.to_list(length)
        return found

    async def close(self) -> None:
        """As the driver's close."""
        await self._cursor.close()


class ReadingCollection:
    """The reading half of a collection."""

    def __init__(self, collection: AsyncIOMotorCollection[Document]) -> None:
        self._collection = collection
        self.name: str = collection.name

    def find(self, *args: Any, **kwargs: Any) -> ReadingCursor[Document]:
        """As the driver's find."""
        return ReadingCursor(self._collection.find(*args, **kwargs))

    def find_raw_batches(self, *args: Any, **kwargs: Any) -> ReadingCursor[bytes]:
        """As the driver's find_raw_batches: documents as the server sent them, some at a time."""
        return ReadingCursor(self._collection.find_raw_batches(*args, **kwargs))

    async def find_one(self, *args: Any, **kwargs: Any) -> Document | None:
        """As the driver's find_one."""
        found: Document | None = await self._collection.find_one(*args, **kwargs)
        return found

    def aggregate(self, pipeline: Pipeline, **kwargs: Any) -> ReadingCursor[Document]:
        """As the driver's aggregate; a pipeline that writes is refused."""
        return ReadingCursor(self._collection.aggregate(_reading(pipeline), **kwargs))

    async def count_documents(self, *args: Any, **kwargs: Any) -> int:
        """As the driver's count_documents."""
        return int(await self._collection.count_documents(*args, **kwargs))

    async def estimated_document_count(self, **kwargs: Any) -> int:
        """As the driver's estimated_document_count."""
        return int(await self._collection.estimated_document_count(**kwargs))

    async def distinct(self, *args: Any, **kwargs: Any) -> list[Any]:
        """As the driver's distinct."""
        return list(await self._collection.distinct(*args, **kwargs))

    async def index_information(self, **kwargs: Any) -> Mapping[str, Any]:
        """As the driver's index_information."""
        information: Mapping[str, Any] = await self._collection.index_information(**kwargs)
        return information


class ReadingDatabase:
    """The reading half of a database."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._database = database
        self.name: str = database.name

    def __getitem__(self, name: str) -> ReadingCollection:
        return ReadingCollection(self._database[name])

    def settled(self) -> ReadingDatabase:
        """The same, as the primary has it and as no failover takes it back."""
        from pymongo.read_concern import ReadConcern
        from pymongo.read_preferences import ReadPreference

        database = self._database.client.get_database(
            self.name,
            codec_options=self._database.codec_options,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
        )
        return ReadingDatabase(database)

    def changes(self, stages: Pipeline) -> ChangeFeed:
        """What changes in the database from now on, through these stages after the stream's own."""
        from backends.clients.changes import ChangeFeed

        return ChangeFeed(self._database, _reading(stages))

    def beside(self, name: str) -> ReadingDatabase:
        """Another database of the same server, such as `admin`."""
        return ReadingDatabase(self._database.client[name])

    async def command(self, name: str, value: Any = 1, **kwargs: Any) -> Document:
        """Runs a command of READING_COMMANDS; raises WriteRefused for any other."""
        if name.lower() not in READING_COMMANDS:
            raise WriteRefused(f"The command {name} may write; this session only reads.")
        answer: Document = await self._database.command(name, value, **kwargs)
        return answer

    def aggregate(self, pipeline: Pipeline, **kwargs: Any) -> ReadingCursor[Document]:
        """As the driver's database-level aggregate; a pipeline that writes is refused."""
        return ReadingCursor(self._database.aggregate(_reading(pipeline), **kwargs))

    async def list_collection_names(self, **kwargs: Any) -> list[str]:
        """As the driver's list_collection_names."""
        return list(await self._database.list_collection_names(**kwargs))


def _reading(pipeline: Pipeline) -> Pipeline:
    for stage in pipeline:
        if {"$out", "$merge"} & set(stage):
            raise WriteRefused("A pipeline with $out or $merge writes; this session only reads.")
    return pipeline
