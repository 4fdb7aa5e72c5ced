"""Through PgBouncer, which gives a server's session to another client after each transaction."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from backends.clients.errors import Refused
from tests.backends.migrations.repartition.place import FLAG, Place
from tests.backends.migrations.repartition.test_rehearsal import changes_on
from tests.backends.pools.test_pooler import Bouncer, bouncer, needs_pgbouncer
from tests.faults.chunk_writers import Writers

__all__ = ["bouncer"]


@needs_pgbouncer
async def test_there_and_back_without_a_setting_left_behind(
    bouncer: Bouncer, postgres_database: str, tmp_path: Path
) -> None:
    """No deadline of ours stays with a session that others get, no row is lost; a rehearsal needs the server itself."""
    place = await Place.at(bouncer.url, tmp_path)
    await place.make("list", 1_000)
    writers = Writers(postgres_database, "pooler")
    await writers.start(2)
    for go, state in ((place.execute, "holding"), (place.swap, "done"), (place.roll_back, "done")):
        verdict = await go()
        assert verdict.state == state, verdict
        clients = [await asyncpg.connect(bouncer.url, statement_cache_size=0) for _ in range(2)]
        for client in clients:
            async with client.transaction():
                assert await client.fetchval("SHOW statement_timeout") == "0"
            await client.close()
    await writers.stop()
    await writers.check()
    with pytest.raises(Refused, match="takes no search path"):
        await changes_on(place, tmp_path).rehearse(FLAG)
    assert await place.admin.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname ~ 'console_rehearsal'") == 0
    await place.aclose()
