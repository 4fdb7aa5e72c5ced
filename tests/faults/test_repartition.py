"""The chunks table re-partitioned under writers, killed at random points, and taken back again.

The oracle: the table in use holds exactly the rows that the writers committed, after the swap and after the rollback.
`make faults` runs thirty trials, `make test` one.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import asyncpg
import pytest

from tests.backends.migrations.repartition.place import ABS, PARENTS, fill, layout
from tests.faults.chunk_writers import Writers

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

WHOLE = os.environ.get("OLORIN_FAULTS") == "whole"
TRIALS = 30 if WHOLE else 1
ROWS = 3_000
WITHIN = 6.0
"""A command is killed within so many times what the shortest one takes."""

PATIENCE = 40
"""Resumes of one run until it has to be where it should."""


class Console:
    """The command line on one database, in processes that may be killed."""

    def __init__(self, url: str, state: Path, variable: str = "CHUNKS_DATABASE_URL") -> None:
        self._environment = {"PATH": os.environ["PATH"], variable: url, "OLORIN_CONSOLE_STATE": str(state)}
        self._start_s = 0.0

    async def start(self, *arguments: str) -> Process:
        """A command, running."""
        command = [sys.executable, "-m", "console", *arguments, "--json"]
        return await asyncio.create_subprocess_exec(*command, env=self._environment, stdout=PIPE, stderr=PIPE)

    async def end(self, process: Process) -> tuple[int, dict[str, object], str]:
        """Its code, its verdict, and what it said."""
        out, said = await process.communicate()
        lines = out.decode().splitlines()
        return process.returncode or 0, json.loads(lines[-1]) if lines else {}, said.decode()

    async def killed(self, chance: random.Random, *arguments: str) -> None:
        """A command that is killed after a while, unless it ends before; it gets as far on a busy machine."""
        if not self._start_s:
            began = time.monotonic()
            await (await self.start("migrate", "chunks", "--status")).communicate()
            self._start_s = time.monotonic() - began
        process = await self.start(*arguments)
        try:
            await asyncio.wait_for(process.wait(), self._start_s * chance.uniform(0.5, WITHIN))
        except TimeoutError:
            process.kill()
        await process.communicate()

    async def through(self, chance: random.Random, kills: int, run_id: str, state: str) -> None:
        """Resumes the run, killing it the first times, until it is in the state."""
        for attempt in range(PATIENCE):
            if attempt < kills:
                await self.killed(chance, "runs", "resume", run_id)
                continue
            code, verdict, said = await self.end(await self.start("runs", "resume", run_id))
            if verdict.get("state") == state or "is done" in said:
                return
            assert code in {8, 13}, (code, verdict, said)
        raise AssertionError(f"{run_id} was not {state} after {PATIENCE} attempts: {said}")

    async def swap(self, chance: random.Random, kills: int, run_id: str, admin: asyncpg.Connection) -> None:
        """Orders the swap, and again each time that it stepped back, killing it the first times, until the run is done.

        A busy server lets it step back: the locks were not had in time, or the new table read slower.
        """
        for attempt in range(PATIENCE):
            ready = await admin.fetchval("SELECT state FROM console_chunks") == "ready"
            command = ("migrate", "chunks", "--swap") if ready else ("runs", "resume", run_id)
            if attempt < kills:
                await self.killed(chance, *command)
                continue
            code, verdict, said = await self.end(await self.start(*command))
            if verdict.get("state") == "done" or "is done" in said:
                return
            assert code in {8, 13}, (code, verdict, said)
        raise AssertionError(f"{run_id} was not swapped after {PATIENCE} attempts: {said}")


async def newest_run(connection: asyncpg.Connection, kind: str) -> str | None:
    """The id of the newest run of the kind, None before there is one."""
    if not await connection.fetchval("SELECT to_regclass('console_runs') IS NOT NULL"):
        return None
    found = "SELECT id FROM console_runs WHERE kind = $1 ORDER BY created_at DESC LIMIT 1"
    return str(run) if (run := await connection.fetchval(found, kind)) else None


@pytest.mark.parametrize("trial", range(TRIALS))
@pytest.mark.parametrize("target", ["hash", "list"] if WHOLE else ["hash"])
async def test_no_row_is_lost_whatever_is_killed(
    postgres_database: str, tmp_path: Path, trial: int, target: str
) -> None:
    chance = random.Random(f"chunks {target} {trial}")
    admin = await asyncpg.connect(postgres_database)
    await admin.execute(PARENTS + layout("list"))
    await admin.execute(fill("list", ROWS, ABS) + "; ANALYZE")
    console, writers = Console(postgres_database, tmp_path), Writers(postgres_database, f"{trial}")
    await writers.start(3)
    # Killed before it recorded its run it has nothing to go on with: it is begun anew.
    while (run := await newest_run(admin, "chunks")) is None:
        await console.killed(chance, "migrate", "chunks", "--execute", "--layout", target)
    await console.through(chance, chance.randint(0, 2), run, "holding")
    code, verdict, said = await console.end(await console.start("migrate", "chunks", "--verify"))
    assert (code, verdict["missing"], verdict["extra"], verdict["different"]) == (0, 0, 0, 0), said
    await console.swap(chance, chance.randint(1, 2), run, admin)
    assert await in_place(admin)
    before = writers.committed
    code, verdict, said = await console.end(await console.start("migrate", "chunks", "--verify"))
    assert (code, verdict["missing"], verdict["extra"], verdict["different"]) == (0, 0, 0, 0), said
    if chance.random() < 0.5 or not WHOLE:
        await console.killed(chance, "migrate", "chunks", "--rollback")
        while (undo := await newest_run(admin, "chunks-rollback")) is None:
            await console.killed(chance, "migrate", "chunks", "--rollback")
        await console.through(chance, 0, undo, "done")
        assert not await in_place(admin)
    await writers.stop()
    assert writers.committed > before
    await writers.check()
    await admin.close()


async def in_place(connection: asyncpg.Connection) -> bool:
    """Whether the new table is in use: its partitions bear the stamp of the run."""
    partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'chunks'::regclass AND inhrelid::regclass::text"
    return bool(await connection.fetchval(f"{partitions} ~ '^chunks_[0-9]{{8}}_'"))
