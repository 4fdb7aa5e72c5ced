"""The clean-up of old sessions, killed at random points: what is counted is what is gone, rows and files.

`make faults` runs twenty trials, `make test` one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from backends.bots.cleaning import KIND
from tests.backends.bots.conftest import Store, ago, bots_database, store
from tests.faults.test_repartition import Console, newest_run

__all__ = ("bots_database", "store")

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

WHOLE = os.environ.get("OLORIN_FAULTS") == "whole"
TRIALS = 20 if WHOLE else 1
KILLS = 3 if WHOLE else 1
SESSIONS: Final = 400 if WHOLE else 100
YOUNG: Final = 7
PROGRESS: Final = "SELECT progress FROM console_run_checkpoints WHERE run_id = $1"


async def planted(store: Store, folder: Path) -> tuple[list[Path], list[Path]]:
    """Old sessions, each with a line and a file; which files are the rows', and which were changed since."""
    intact: list[Path] = []
    changed: list[Path] = []
    folder.mkdir()  # noqa: ASYNC240 - a test of its own
    for number in range(SESSIONS):
        id_ = await store.session(status="completed", created_at=ago(200_000), ended_at=ago(180_000 + number))
        await store.line(id_)
        file, content = folder / f"{number}.wav", f"audio {number}".encode()
        file.write_bytes(b"x" * len(content) if number % 10 == 0 else content)
        (changed if number % 10 == 0 else intact).append(file)
        about = {"file_path": str(file), "file_size": len(content), "file_hash": hashlib.sha256(content).hexdigest()}
        await store.insert("audio_files", session_id=id_, filename=file.name, mime_type="audio/wav", **about)
    for _ in range(YOUNG):
        await store.session(status="failed", created_at=ago(200_000), ended_at=ago(60))
    return intact, changed


async def killed(console: Console, connection: asyncpg.Connection, commits: int, *command: str) -> str:
    """Kills the command once a run committed so many times more, unless it ended before; the run's id."""
    before = await committed(connection)
    process = await console.start(*command)
    while process.returncode is None and await committed(connection) - before < commits:  # noqa: ASYNC110 - a table tells nobody
        await asyncio.sleep(0.01)
    if process.returncode is None:
        process.kill()
    await process.communicate()
    run_id = await newest_run(connection, KIND)
    assert run_id is not None
    return run_id


async def committed(connection: asyncpg.Connection) -> int:
    """The batches that were committed in all."""
    if not await connection.fetchval("SELECT to_regclass('console_run_checkpoints') IS NOT NULL"):
        return 0
    return int(await connection.fetchval("SELECT coalesce(sum(number), 0) FROM console_run_checkpoints"))


@pytest.mark.parametrize("trial", range(TRIALS))
async def test_counts_are_true_wherever_it_was_killed(
    trial: int, store: Store, bots_database: str, tmp_path: Path
) -> None:
    chance = random.Random(trial)
    intact, changed = await planted(store, tmp_path / "audio")
    console = Console(bots_database, tmp_path / "state", "ORCHESTRATION_DATABASE_URL")
    commits = (chance.randint(1, 6) for _ in range(KILLS))
    run_id = await killed(
        console, store.connection, next(commits), "bots", "cleanup", "--older-than", "24", "--execute"
    )
    for each in commits:
        await killed(console, store.connection, each, "runs", "resume", run_id)
    _, verdict, said = await console.end(await console.start("runs", "resume", run_id))
    assert verdict.get("state") == "done" or "is done" in said, (verdict, said)
    progress = json.loads(await store.connection.fetchval(PROGRESS, run_id))
    counts = progress["counts"]
    assert (counts["bot_sessions"], counts["transcripts"], counts["audio_files"]) == (SESSIONS, SESSIONS, SESSIONS)
    assert (counts["files_deleted"], counts["files_other_content"]) == (len(intact), len(changed))
    assert not any(file.exists() for file in intact)
    assert all(file.exists() for file in changed)
    assert await store.connection.fetchval("SELECT count(*) FROM bot_sessions") == YOUNG


async def test_a_session_that_another_holds_is_left_and_told(store: Store, bots_database: str, tmp_path: Path) -> None:
    held, _ = [await store.session(status="failed", created_at=ago(200_000), ended_at=ago(180_000)) for _ in range(2)]
    console = Console(bots_database, tmp_path, "ORCHESTRATION_DATABASE_URL")
    async with store.connection.transaction():
        await store.connection.execute("SELECT 1 FROM bot_sessions WHERE session_id = $1 FOR UPDATE", held)
        command = ("bots", "cleanup", "--older-than", "24", "--execute")
        code, verdict, said = await console.end(await console.start(*command))
    assert (code, verdict["state"]) == (10, "done")
    counts = verdict["counts"]
    assert isinstance(counts, dict)
    assert (counts["done"], counts["failed"], counts["bot_sessions"]) == (1, 1, 1)
    assert "1 sessions are left" in said
