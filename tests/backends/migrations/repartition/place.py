"""A database with a chunks table and what a re-partitioning of it needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from backends.clients.errors import Refused
from backends.clients.postgres import PostgresClient
from backends.clients.targets import WATCHING, PostgresTarget
from backends.migrations.repartition.book import Migration, newest
from backends.migrations.repartition.service import RepartitionService
from backends.migrations.repartition.shape import read_shape
from backends.migrations.repartition.swapping import ChunksRun
from backends.migrations.repartition.undoing import ChunksUndo
from backends.runs.model import NewRun, Progress, Run
from backends.runs.postgres_store import PostgresRunStore
from backends.runs.runner import Runner, Verdict
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Consent, Gate
from tests.backends.backup.proven import proven

FLAG = Consent("command", explicit=True)
STAMP = "20260301_120000"
ABS = "abs(hashtext(collection_id)) % 100"
PAIR = "abs(hashtext(collection_id:document_id)) % 100"

COLUMNS = """
    collection_id varchar NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    {key}
    document_id varchar,
    chunking_config_id integer REFERENCES chunking_configs (id),
    chunk_index integer NOT NULL,
    content text NOT NULL,
    metadata jsonb DEFAULT '{{}}',
    created_at timestamptz DEFAULT now()
"""
PARENTS = """
    CREATE TABLE collections (id varchar PRIMARY KEY);
    CREATE TABLE chunking_configs (id serial PRIMARY KEY);
    INSERT INTO chunking_configs DEFAULT VALUES; INSERT INTO chunking_configs DEFAULT VALUES;
    INSERT INTO collections SELECT 'collection-' || n FROM generate_series(1, 40) n;
"""
KEYS: Mapping[str, str] = {
    ABS: "abs(hashtext({c})) % 100",
    PAIR: "abs(hashtext({c} || ':' || coalesce({d}, {i}::text))) % 100",
}
INDEXES = """
    CREATE INDEX idx_chunks_part_collection ON chunks (collection_id);
    CREATE INDEX idx_chunks_part_document ON chunks (document_id) WHERE document_id IS NOT NULL;
    CREATE INDEX idx_chunks_part_created_brin ON chunks USING brin (created_at);
"""


def layout(name: str, formula: str = ABS) -> str:
    """The statements that make the table: "plain", "hash 16", "list", "list with trigger"."""
    if name == "plain":
        return f"CREATE TABLE chunks (id bigserial PRIMARY KEY, {COLUMNS.format(key='')}); {INDEXES}"
    if name == "hash 16":
        parts = "".join(
            f"CREATE TABLE chunks_p{n} PARTITION OF chunks FOR VALUES WITH (MODULUS 16, REMAINDER {n});"
            for n in range(16)
        )
        own = "id varchar DEFAULT gen_random_uuid()::varchar"
        primary = "PRIMARY KEY (id, collection_id)"
        return f"""CREATE TABLE chunks ({own}, {COLUMNS.format(key="")}, {primary})
            PARTITION BY HASH (collection_id); {parts} {INDEXES}"""
    parts = "".join(f"CREATE TABLE chunks_part_{n:02} PARTITION OF chunks FOR VALUES IN ({n});" for n in range(100))
    made = f"""CREATE TABLE chunks (id bigserial, {COLUMNS.format(key="partition_key integer NOT NULL,")},
        PRIMARY KEY (id, collection_id, partition_key)) PARTITION BY LIST (partition_key); {parts} {INDEXES}"""
    return made + (_trigger(formula) if name == "list with trigger" else "")


def _trigger(formula: str) -> str:
    key = KEYS[formula].format(c="NEW.collection_id", d="NEW.document_id", i="NEW.chunk_index")
    return f"""
        CREATE FUNCTION compute_partition_key() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.partition_key := {key}; RETURN NEW; END $$;
        CREATE TRIGGER set_partition_key BEFORE INSERT ON chunks FOR EACH ROW EXECUTE FUNCTION compute_partition_key();
    """


def fill(name: str, rows: int, formula: str = ABS) -> str:
    """Inserts rows of all collections, some without a document."""
    keyed = name.startswith("list")
    key = KEYS[formula].format(c="c", d="d", i="n")
    return f"""
        INSERT INTO chunks ({"partition_key, " if keyed else ""}collection_id, document_id, chunking_config_id,
            chunk_index, content, metadata)
        SELECT {f"{key}, " if keyed else ""}c, d, 1 + n % 2, n, repeat(md5(n::text), 1 + n % 9),
            jsonb_build_object('n', n)
        FROM (SELECT n, 'collection-' || 1 + n % 40 AS c, CASE WHEN n % 7 > 0 THEN 'document-' || n % 50 END AS d
              FROM generate_series(1, {rows}) n) AS s
    """


class Quiet:
    """Watches a run and says nothing."""

    def state(self, state: str, why: str) -> None: ...

    def progress(self, progress: Progress) -> None: ...

    def say(self, text: str) -> None: ...


@dataclass
class Place:
    """The database, and the console's hands on it."""

    url: str
    client: PostgresClient
    store: PostgresRunStore
    gate: Gate
    admin: asyncpg.Connection[asyncpg.Record]
    service: RepartitionService
    retain_h: float = 24.0

    @classmethod
    async def at(cls, url: str, state: Path) -> Place:
        client = PostgresClient(PostgresTarget(url, "CHUNKS_DATABASE_URL"), WATCHING)
        author = this_author("demo", "development", "olorin test")
        gate = Gate(AuditTrail(state), author, Arming(), production=False)
        admin = await asyncpg.connect(url)
        return cls(url, client, PostgresRunStore(client), gate, admin, RepartitionService(client, state, proven))

    async def aclose(self) -> None:
        await self.admin.close()
        await self.client.aclose()

    async def make(self, name: str, rows: int, formula: str = ABS) -> None:
        """The table in the layout, filled; a trigger comes last, since the composite one lets hardly a row in."""
        await self.admin.execute(PARENTS + layout("list" if name.startswith("list") else name, formula))
        await self.admin.execute(fill(name, rows, formula))
        if name == "list with trigger":
            await self.admin.execute(_trigger(formula))
        await self.admin.execute("ANALYZE")

    def _runner(self, make: Any) -> Runner:
        return Runner(self.store, make, self.gate, this_author("demo", "development", "olorin test"), "1.0", Quiet())

    async def start(self, layout: str = "hash", formula: str = ABS, stamp: str = STAMP) -> str:
        """Records a run; its id."""
        async with self.client.reading() as session:
            shape = await read_shape(session)
        options = {"layout": layout, "stamp": stamp, "formula": formula, "shape": shape.hash}
        run = NewRun(f"chunks-{stamp}", "chunks", self.store.where, options=options)
        return (await self._runner(self.job).create(run, "chunks.execute", FLAG)).id

    def job(self, run: Run) -> ChunksRun:
        return ChunksRun(run, self.client)

    async def execute(self, layout: str = "hash", formula: str = ABS) -> Verdict:
        """To where it holds."""
        return await self._runner(self.job).execute(await self.start(layout, formula), FLAG)

    async def resume(self, run_id: str = f"chunks-{STAMP}") -> Verdict:
        return await self._runner(self.job).execute(run_id, FLAG)

    async def swap(self, run_id: str = f"chunks-{STAMP}") -> Verdict:
        async with self.gate.act(self.service.act("swap"), FLAG) as token:
            assert await self.service.order_swap(token, self.retain_h) == run_id
        return await self.resume(run_id)

    async def roll_back(self, stamp: str = STAMP) -> Verdict:
        runner = self._runner(lambda run: ChunksUndo(run, self.client))
        run = NewRun(f"back-{stamp}", "chunks-rollback", self.store.where, options={"stamp": stamp})
        if await self.store.run(run.id) is None:
            await runner.create(run, "chunks.rollback", FLAG)
        return await runner.execute(run.id, FLAG)

    async def book(self) -> Migration | None:
        async with self.client.reading() as session:
            return await newest(session)

    async def rows(self, table: str = "chunks") -> Counter[tuple[str, str]]:
        """The multiset of (id, hash of all else but the key)."""
        found = await self.admin.fetch(
            "SELECT id::text AS id, md5(ROW(collection_id, document_id, chunking_config_id, chunk_index, content,"
            f" metadata, created_at)::text) AS hash FROM {table}"
        )
        return Counter((row["id"], row["hash"]) for row in found)

    async def resume_refused(self, run_id: str) -> str:
        """What a resume says that is refused, whether it began or not."""
        verdict = await self.resume(run_id)
        assert isinstance(verdict.error, Refused)
        return verdict.error.message
