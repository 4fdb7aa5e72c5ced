"""Toys on a server, and processes that move them: what every campaign over runs is made of."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget, Role, mongo_targets
from backends.runs.model import Lease, NewRun, Run
from backends.runs.mongo_store import MongoRunStore
from backends.runs.postgres_store import PostgresRunStore
from backends.runs.store import RunStore, Timing
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Act, Consent, Gate
from tests.faults.toys import Toys
from tests.olorin import IMPATIENT
from tests.waiting import until

ITEMS = 60
QUICK = Timing(heartbeat_s=0.2, expiry_s=1.5, idle_s=1.0)
END_S = 120.0
FLAG = Consent("command", explicit=True)
ROOT = Path(__file__).parents[2]
WHOLE = os.environ.get("OLORIN_FAULTS") == "whole"


@dataclass
class Ended:
    """How a process ended: its code (negative: its signal), verdict object and stderr."""

    code: int
    verdict: dict[str, Any]
    said: str


@dataclass
class Campaign:
    """One database with toys. kind: "mongo" or "postgres"; url: the server's, or a proxy's before it."""

    kind: str
    mongo_url: str
    mongo_database: str
    postgres_url: str
    state: Path
    toys: Toys
    mongo: MongoClients
    postgres: PostgresClient
    timing: Timing = QUICK
    environment: dict[str, str] = field(default_factory=dict)
    started: list[Process] = field(default_factory=list)

    @classmethod
    def at(cls, kind: str, mongo_url: str, mongo_database: str, postgres_url: str, state: Path) -> Campaign:
        """The campaign on a database of this kind."""
        mongo = MongoClients(mongo_targets({"MONGODB_URI": mongo_url, "MONGODB_DB_NAME": mongo_database}), IMPATIENT)
        postgres = PostgresClient(PostgresTarget(postgres_url, "CHUNKS_DATABASE_URL"), IMPATIENT)
        toys = Toys(mongo_url, mongo_database, postgres_url if kind == "postgres" else "")
        return cls(kind, mongo_url, mongo_database, postgres_url, state, toys, mongo, postgres)

    async def aclose(self) -> None:
        """Closes the clients, and ends what a test that failed left behind: its transaction would block everybody."""
        for process in self.started:
            if process.returncode is None:
                process.kill()
                await process.wait()
        await self.mongo.aclose()
        await self.postgres.aclose()

    @property
    def store(self) -> RunStore:
        """The store of the runs."""
        if self.kind == "postgres":
            return PostgresRunStore(self.postgres, self.timing)
        return MongoRunStore(self.mongo, self.mongo.target(Role.MAIN), self.timing)

    async def plan(self, run_id: str = "r-1", items: int = ITEMS, **options: Any) -> None:
        """Plants the toys, and records a run that moves them."""
        await self.toys.plant(items)
        author = this_author("demo", "development", "olorin test")
        gate = Gate(AuditTrail(self.state), author, Arming(), production=False)
        store = self.store
        async with gate.act(Act("toy.plan", store.where, run_id=run_id), FLAG) as token:
            run = NewRun(run_id, "toy", store.where, options={"items": items, **options})
            await store.create(token, run, "ops@test", "1")

    def command(self, *arguments: str) -> tuple[str, ...]:
        """The command line of `olorin` with the toy job."""
        return (sys.executable, "-m", "tests.faults.toy_main", *arguments)

    def variables(self, **more: str) -> dict[str, str]:
        """What points a process at the toys; `more` as TOY_… variables."""
        reached = {
            "MONGODB_URI": self.mongo_url,
            "MONGODB_DB_NAME": self.mongo_database,
            "OLORIN_MONGODB_DB_NAME": self.mongo_database,
            "CHUNKS_DATABASE_URL": self.postgres_url,
            "OLORIN_CONSOLE_STATE": str(self.state),
            "TOY_TIMING": f"{self.timing.heartbeat_s},{self.timing.expiry_s},{self.timing.idle_s}",
        }
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "PYTHONPATH": str(ROOT), **reached, **self.environment, **more}

    async def start(
        self,
        *arguments: str,
        tty: int | None = None,
        preexec: Callable[[], None] | None = None,
        apart: tuple[str, ...] = (),
        **more: str,
    ) -> Process:
        """Starts `olorin runs resume r-1 --json`, or another command, with the toy job.

        apart: the command that starts it in turn.
        """
        process = await asyncio.create_subprocess_exec(
            *apart,
            *self.command(*(arguments or ("runs", "resume", "r-1", "--json"))),
            env=self.variables(**more),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE if tty is None else tty,
            preexec_fn=preexec,
            cwd=ROOT,
        )
        self.started.append(process)
        return process

    async def stopped(self, place: str, **more: Any) -> Process:
        """Starts the run and answers once it has stopped where it stands: what is done to it then can't come late."""
        process = await self.start(TOY_FAIL=f"{place}:STOP", **more)
        await until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, within_s=60.0)
        return process

    async def end(self, process: Process) -> Ended:
        """Waits for the process. Raises TimeoutError, and kills it then."""
        try:
            out, said = await asyncio.wait_for(process.communicate(), END_S)
        except TimeoutError:
            process.kill()
            raise
        lines = out.decode().strip().splitlines()
        return Ended(
            process.returncode or 0,
            json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {},
            (said or b"").decode(),
        )

    async def run(self, *arguments: str, apart: tuple[str, ...] = (), **more: str) -> Ended:
        """Starts a process and waits for it."""
        return await self.end(await self.start(*arguments, tty=None, preexec=None, apart=apart, **more))

    async def known(self) -> Run:
        """The run as it is recorded."""
        run = await self.store.run("r-1")
        assert run is not None
        return run

    async def until_run(self, condition: Any, within_s: float = 90.0) -> Run:
        """The run, as soon as the condition on it is true. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not condition(run := await self.known()):  # noqa: ASYNC110 - a record announces nothing
                await asyncio.sleep(0.02)
        return run

    async def until_lease_aged(self, seconds: float, within_s: float = 90.0) -> None:
        """Returns when the server has heard no heartbeat for so many seconds. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while (await self.lease()).age_s <= seconds:  # noqa: ASYNC110 - a server's clock announces nothing
                await asyncio.sleep(0.05)

    async def lease(self) -> Lease:
        """The lease of the database."""
        lease = await self.store.lease("database")
        assert lease is not None
        return lease


def shifted(hours: int) -> dict[str, Any]:
    """What makes a process' wall clock wrong; SIGUSR1 makes it jump as far to the other side."""
    return {"PYTHONPATH": f"{ROOT / 'tests/faults/shifted'}:{ROOT}", "TOY_CLOCK": str(hours * 3600)}


def freeze(process: Process) -> None:
    """Stops the process where it stands."""
    process.send_signal(signal.SIGSTOP)


def thaw(process: Process) -> None:
    """Lets it go on."""
    process.send_signal(signal.SIGCONT)
