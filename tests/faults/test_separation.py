"""The separation under fire: killed at random points while the platform writes, cut off, restarted under, raced.

The oracle is equality: once the writers stopped and the run holds, source and target are the same multisets of
documents, byte for byte: nothing lost, nothing doubled, nothing resurrected. After the switch and back it is the same
again: what the platform wrote to the target is in the source. `make faults` runs every trial.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

from backends.migrations.olorin.pass_job import Phase
from console.demo.servers import MongoServer
from tests.backends.migrations.olorin.migrating import Bench
from tests.faults.campaign import ROOT, WHOLE
from tests.faults.proxy import proxy_to
from tests.faults.writers import Writers, plant, several, writing
from tests.olorin import Platform, platform_on

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

SEED = 6
TRIALS = 30 if WHOLE else 1
KILLS = 3 if WHOLE else 2
PHASES = ["beginning", *(phase.value for phase in Phase), "holding"]
"""Where a run can be struck, in the order in which it comes there."""

LONGEST_S = {"beginning": 3.0, "copy": 3.0, "follow": 1.0, "holding": 1.0}
"""Within how many seconds of a phase a kill comes; those that are over sooner are struck at once."""

AWAY_S = 1.0
"""Within how many seconds a verification or a rollback is killed, and for how long the switched platform writes."""

PLANTED = 3000 if WHOLE else 1200
"""Documents in each of three collections before the writers come."""

END_S = 120.0


@dataclass
class Console:
    """`olorin migrate olorin` in processes of its own. url: the server's, or a proxy's before it."""

    platform: Platform
    url: str
    state: Path
    flag: str = "false"

    async def start(self, *arguments: str) -> Process:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        said = self.platform.environment(MONGODB_URI=self.url, OLORIN_USE_SEPARATE_DATABASE=self.flag)
        environment = {**kept, **said, "PYTHONPATH": str(ROOT), "OLORIN_CONSOLE_STATE": str(self.state)}
        command = (sys.executable, "-m", "console", "migrate", "olorin", *arguments, "--json")
        return await asyncio.create_subprocess_exec(
            *command, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, cwd=ROOT
        )

    async def run(self, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """Its code, verdict and stderr."""
        return await self.ended(await self.start(*arguments))

    async def ended(self, process: Process) -> tuple[int, dict[str, Any], str]:
        """The same of a process that was started. Raises TimeoutError, and kills it then."""
        try:
            out, said = await asyncio.wait_for(process.communicate(), END_S)
        except TimeoutError:
            process.kill()
            raise
        lines = out.decode().strip().splitlines()
        return process.returncode or 0, json.loads(lines[-1]) if lines else {}, said.decode()

    async def begun(self, *options: str) -> Process:
        """Executing, in its first or a later batch."""
        process = await self.start("--execute", *options)
        assert process.stderr is not None
        while (line := await process.stderr.readline()) and not line.startswith(b"running"):
            pass
        return process

    async def killed(self, phase: str, after_s: float) -> str:
        """Starts it, kills it so long after it came to the phase, and says in which one that struck it."""
        process = await self.start("--execute", "--follow")
        async with asyncio.timeout(END_S):
            while process.returncode is None and PHASES.index(self.phase()) < PHASES.index(phase):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), after_s)
        process.kill()
        _, said = await process.communicate()
        assert process.returncode == -signal.SIGKILL, f"it ended by itself: {said.decode()[-800:]}"
        return self.phase()

    def phase(self) -> str:
        """Where the run is, as its record says."""
        checkpoint = self.platform.olorin.console_run_checkpoints.find_one({}, {"body.phase": 1}) or {}
        phase = str(checkpoint.get("body", {}).get("phase", PHASES[0]))
        is_last = phase == Phase.FOLLOW.value
        return "holding" if is_last and self.platform.olorin.console_runs.find_one({"state": "holding"}) else phase

    async def struck(self, after_s: float, *arguments: str) -> bool:
        """Starts another mode and kills it so long after its first word; whether that came before its end."""
        process = await self.start(*arguments)
        assert process.stderr is not None
        await process.stderr.readline()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), after_s)
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
        return process.returncode == -signal.SIGKILL

    async def stopped(self, process: Process) -> None:
        """Stops one that follows: it ended for nothing else, and so was struck by whatever was done before."""
        assert process.returncode is None
        process.terminate()
        code, verdict, said = await self.ended(process)
        assert (code, verdict.get("state")) == (13, "stopped"), (verdict, said[-800:])

    async def held(self) -> dict[str, Any]:
        """Runs it to the hold."""
        code, verdict, said = await self.run("--execute")
        assert (code, verdict.get("state")) == (0, "holding"), (verdict, said[-800:])
        return verdict

    async def verified(self) -> None:
        """Verifies: it passes."""
        code, proof, said = await self.run("--verify")
        assert (code, proof.get("state")) == (0, "passed"), (proof, said[-800:])


def check_same(platform: Platform) -> None:
    Bench.check_same(Bench(platform, None, Path()))  # type: ignore[arg-type]


def clear(platform: Platform) -> None:
    for side in (platform.bayit, platform.olorin):
        side.client.drop_database(side.name)


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """A platform on a server of its own: one that has seen a few trials answers the writers a tenth as fast."""
    async with MongoServer(tmp_path / "mongo", durable=False) as server:
        with platform_on(server.url, "bayit") as platform:
            yield platform


@pytest.mark.parametrize("trial", range(TRIALS))
async def test_killed_again_and_again_while_the_platform_writes(platform: Platform, tmp_path: Path, trial: int) -> None:
    """Kill -9 in every phase, from copying to the hold, then of the verification, then of the way back."""
    chance = random.Random(f"{SEED} {trial}")
    plant(platform.url, platform.bayit.name, PLANTED)
    console = Console(platform, platform.url, tmp_path)
    wanted = sorted(chance.sample(PHASES, KILLS), key=PHASES.index)
    writers = several(platform.url, platform.bayit.name, f"{SEED} {trial}")
    with writing(*writers):
        struck = [await console.killed(phase, chance.uniform(0.0, LONGEST_S.get(phase, 0.1))) for phase in wanted]
        await console.held()
    assert all(each.done for each in writers)
    verdict = await console.held()
    check_same(platform)
    struck += ["verify"] * await console.struck(chance.uniform(0.0, AWAY_S), "--verify")
    await console.verified()
    struck += await switched_and_back(console, writers[0])
    done, rate = sum(each.done for each in writers), sum(each.done / each.worked_s for each in writers)
    print(f"trial {trial}: killed in {struck}, {done} writes, {rate:.0f}/s, {verdict['counts']}")  # noqa: T201 - what `make faults` shows


async def switched_and_back(console: Console, writers: Writers) -> list[str]:
    """The platform writes to the target for a while; that is carried back, killed while it is. What was struck."""
    platform, chance = console.platform, writers.chance
    console.flag = "true"
    await console.verified()
    target = Writers(platform.url, platform.olorin.name, chance, unique=writers.unique, ids=writers.ids)
    with writing(target):
        await asyncio.sleep(AWAY_S)
    await console.verified()
    console.flag = "false"
    kills = [await console.struck(chance.uniform(0.0, AWAY_S), "--rollback") for _ in range(KILLS - 1)]
    code, verdict, said = await console.run("--rollback")
    assert (code, verdict.get("state")) == (0, "done"), (verdict, said[-800:])
    check_same(platform)
    await console.held()
    check_same(platform)
    return ["rollback"] * sum(kills)


async def test_cut_off_and_delayed_in_the_middle(platform: Platform, tmp_path: Path) -> None:
    """The connection is lost, comes back slow, and is lost again; the run goes on by itself."""
    chance = random.Random(f"{SEED} cut")
    plant(platform.url, platform.bayit.name, PLANTED)
    place = urlsplit(platform.url)
    async with proxy_to(place.hostname or "", place.port or 0) as proxy:
        console = Console(platform, f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true", tmp_path)
        with writing(Writers(platform.url, platform.bayit.name, chance)):
            process = await console.begun("--follow")
            for _ in range(3 if WHOLE else 1):
                await asyncio.sleep(chance.uniform(0.2, 1.0))
                proxy.cut()
                await asyncio.sleep(chance.uniform(0.1, 0.5))
                proxy.restore()
                proxy.delay_s = 0.005
        await console.stopped(process)
        proxy.restore()
        await console.held()
    check_same(platform)


async def test_the_server_is_restarted_in_the_middle(tmp_path: Path) -> None:
    """It comes back with what it had confirmed; the run goes on by itself."""
    server = MongoServer(tmp_path / "data")
    await server.start()
    try:
        async with proxy_to("127.0.0.1", server.port) as proxy:
            url = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
            plant(server.url, "bayit_plus", PLANTED)
            with MongoClient[dict[str, Any]](server.url) as client:
                platform = Platform(server.url, client["bayit_plus"], client["olorin_platform"])
            console = Console(platform, url, tmp_path / "state")
            process = await console.begun("--follow")
            await asyncio.sleep(random.Random(f"{SEED} server").uniform(0.1, 1.0))
            await server.stop()
            await server.start()
            proxy.target = ("127.0.0.1", server.port)
            await console.stopped(process)
            await console.held()
            with MongoClient[dict[str, Any]](server.url) as client:
                check_same(Platform(server.url, client["bayit_plus"], client["olorin_platform"]))
    finally:
        await server.stop()


async def test_two_at_once(platform: Platform, tmp_path: Path) -> None:
    """One executes; the other is told who does (9), or finds it held and goes on."""
    plant(platform.url, platform.bayit.name, PLANTED)
    console = Console(platform, platform.url, tmp_path)
    ended = await asyncio.gather(console.run("--execute"), console.run("--execute"))
    assert {code for code, _, _ in ended} <= {0, 9}
    assert 0 in {code for code, _, _ in ended}
    check_same(platform)
