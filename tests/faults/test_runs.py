"""Runs under fire, on real servers: killed, frozen, raced, cut off, restarted under, left by their terminal.

The oracle is conservation: every (id, hash) is in exactly one place, and in B once the run is done. `make faults` runs
the whole campaign, `make test` a seeded slice of it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import random
import re
import resource
import signal
import termios
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from backends.runs.model import Want
from backends.runs.service import RunsService
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Gate
from tests.faults.campaign import FLAG, ITEMS, QUICK, WHOLE, Campaign, freeze, shifted, thaw
from tests.faults.toy import POINTS
from tests.waiting import until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600 if WHOLE else 900)]

SEED = 5
KINDS = ["mongo", "postgres"]
RACES = 25 if WHOLE else 1
"""Pairs of starts at once, on each store."""

CUTS = 10 if WHOLE else 1


@pytest.fixture(params=KINDS)
async def toys(
    request: pytest.FixtureRequest, mongo_url: str, mongo_database: str, postgres_database: str, tmp_path: Path
) -> AsyncIterator[Campaign]:
    made = Campaign.at(request.param, mongo_url, mongo_database, postgres_database, tmp_path / "state")
    yield made
    await made.aclose()


async def test_killed_at_every_point_and_resumed_to_the_end(toys: Campaign) -> None:
    """Kill -9 at seeded points, some of them twice in a row, then a resume that nothing stops."""
    chance = random.Random(f"{SEED} {toys.kind}")
    places = [*POINTS] * 5 if WHOLE else chance.sample(POINTS, 1)
    assert len(places) * len(KINDS) >= 60 or not WHOLE
    for trial, place in enumerate(places):
        await toys.plan()
        # The first blow comes at most at the third batch, which leaves one more for the second.
        blows = (1 if "swap" in place else chance.randint(1, 3), 1)[: chance.choice((1, 1, 2))]
        for number in blows:
            killed = await toys.run(TOY_FAIL=f"{place}:{number}")
            assert killed.code == -signal.SIGKILL, ("it did not strike", trial, place, number, killed)
            await toys.toys.check_conserved(ITEMS)
        ended = await toys.run()
        assert (ended.code, ended.verdict["state"]) == (0, "done"), (trial, place, ended)
        await toys.toys.check_moved(ITEMS)
        run = await toys.known()
        assert (run.state, run.done, run.progress.counts["moved"]) == ("done", ITEMS, ITEMS)
        await toys.toys.clear()


@pytest.mark.parametrize("place", POINTS[:4] if WHOLE else ["after write"])
async def test_frozen_for_longer_than_its_lease(toys: Campaign, place: str) -> None:
    """It stops where it stands; another one takes over and ends the run; woken, it writes nothing."""
    await toys.plan()
    frozen = await toys.stopped(f"{place}:2")
    # A taker that starts quickly would still hear the last heartbeat.
    await toys.until_lease_aged(toys.timing.silent_s * 2)
    taken = await toys.run("runs", "resume", "r-1", "--json", "--wait", "30")
    assert (taken.code, taken.verdict["state"]) == (0, "done")
    await toys.toys.check_moved(ITEMS)
    before = (await toys.known(), await toys.toys.found())
    thaw(frozen)
    woken = await toys.end(frozen)
    assert (woken.code, woken.verdict["state"]) == (9, "taken over")
    after = await toys.known()
    assert (after.history, after.progress, await toys.toys.found()) == (
        before[0].history,
        before[0].progress,
        before[1],
    )


async def test_a_silent_holder_is_waited_for_only_as_long_as_asked(toys: Campaign) -> None:
    await toys.plan()
    toys.timing = type(QUICK)(heartbeat_s=0.2, expiry_s=600.0, idle_s=400.0)
    frozen = await toys.stopped("after commit:2")
    # A heartbeat may have been under way when it froze, and is the server's a moment later.
    await toys.until_lease_aged(toys.timing.silent_s * 2)
    held = await toys.run("runs", "resume", "r-1", "--json", "--wait", "1.5")
    assert (held.code, "it has been silent for" in held.said) == (9, True), held.said
    assert re.search(rf"pid {frozen.pid} holds database: silent for \d+ s, free in \d+ s", held.said)
    frozen.kill()
    await frozen.wait()
    # Dead on this machine: taken over at once; the lease would outlast the test.
    assert (await toys.run()).code == 0
    await toys.toys.check_moved(ITEMS)


APART = ("unshare", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child")
"""Processes numbered anew, as in a container: who is outside has no number in there, whatever the host's name."""


async def test_a_living_holder_that_cannot_be_seen_is_not_taken_for_dead(toys: Campaign) -> None:
    await toys.plan(items=1000)
    holder = await toys.start(TOY_SLOW="0.5")
    await toys.until_run(lambda run: run.done)
    token = (await toys.lease()).token
    refused = await toys.run(apart=APART)
    assert (refused.code, "its heartbeat is heard" in refused.said) == (9, True), refused
    assert (await toys.lease()).token == token
    holder.terminate()
    assert (await toys.end(holder)).code == 13


async def test_of_two_starts_at_once_one_wins(toys: Campaign) -> None:
    for race in range(RACES):
        await toys.plan(items=400)
        # Both stand before the gate, and go on at once; the winner is at it until it is told to stop.
        processes = await asyncio.gather(*(toys.stopped("start:1", TOY_SLOW="0.5") for _ in range(2)))
        for process in processes:
            thaw(process)
        ends = [asyncio.create_task(toys.end(process)) for process in processes]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        [(winner, won)] = [each for each in zip(processes, ends, strict=True) if not each[1].done()]
        winner.terminate()
        ended = sorted([each.result() if each.done() else await won for each in ends], key=lambda each: each.code)
        assert [each.code for each in ended] == [9, 13], (race, ended)
        assert re.search(r"executes the run r-1 since \d{4}-", ended[0].said), ended
        assert (await toys.run()).code == 0
        await toys.toys.check_moved(400)
        await toys.toys.clear()


LAST_WORDS = {"mongo": b"commitTransaction", "postgres": b"COMMIT"}


def behind(toys: Campaign, port: int) -> Campaign:
    """The same campaign through a proxy's port."""
    here = re.compile(r"127\.0\.0\.1:\d+/")
    through = f"127.0.0.1:{port}/"
    toys.environment = {
        "MONGODB_URI": here.sub(through, toys.mongo_url).partition("?")[0] + "?directConnection=true",
        "CHUNKS_DATABASE_URL": here.sub(through, toys.postgres_url),
    }
    toys.environment.pop("MONGODB_URI" if toys.kind == "postgres" else "CHUNKS_DATABASE_URL")
    return toys


def server_of(toys: Campaign) -> int:
    """The port of the campaign's server."""
    found = re.search(r"127\.0\.0\.1:(\d+)/", toys.mongo_url if toys.kind == "mongo" else toys.postgres_url)
    assert found is not None
    return int(found[1])


async def test_cut_off_after_its_commit_was_sent(toys: Campaign) -> None:
    """Nobody saw whether the batch was committed: the state is read again, and nothing is doubled."""
    from tests.faults.proxy import proxy_to

    async with proxy_to("127.0.0.1", server_of(toys)) as proxy:
        behind(toys, proxy.port)
        for trial in range(CUTS):
            await toys.plan(items=300)
            process = await toys.stopped("after commit:1")
            proxy.last_words, proxy.cuts = LAST_WORDS[toys.kind], 1 + trial % 3
            thaw(process)
            ended = await toys.end(process)
            assert proxy.cuts == 0
            assert (ended.code, ended.verdict["counts"]["moved"]) == (0, 300), ended
            await toys.toys.check_moved(300)
            await toys.toys.clear()


async def test_cut_off_for_a_while(toys: Campaign) -> None:
    """Longer than its lease lasts; nobody else takes it meanwhile, so it goes on by itself."""
    from tests.faults.proxy import proxy_to

    async with proxy_to("127.0.0.1", server_of(toys)) as proxy:
        await toys.plan(items=400)
        behind(toys, proxy.port)
        process = await toys.stopped("after commit:2")
        proxy.cut()
        thaw(process)
        before = await toys.lease()
        await toys.until_lease_aged(QUICK.expiry_s)
        proxy.restore()
        ended = await toys.end(process)
        assert (ended.code, ended.verdict["state"]) == (0, "done"), ended
        assert (await toys.lease()).token == before.token
        await toys.toys.check_moved(400)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_server_is_restarted_in_the_middle(kind: str, tmp_path: Path) -> None:
    from console.demo.servers import MongoServer, PostgresServer
    from tests.faults.proxy import proxy_to

    server = MongoServer(tmp_path / "data") if kind == "mongo" else PostgresServer(tmp_path / "data")
    await server.start()
    try:
        mongo_url = f"mongodb://127.0.0.1:{server.port}/?directConnection=true"
        url = server.url() if isinstance(server, PostgresServer) else "postgresql://nobody@127.0.0.1:9/x"
        async with proxy_to("127.0.0.1", server.port) as proxy:
            toys = Campaign.at(kind, mongo_url, "toys", url, tmp_path / "state")
            await toys.plan(items=400)
            behind(toys, proxy.port)
            process = await toys.stopped("after commit:2")
            await toys.mongo.aclose()
            await toys.postgres.aclose()
            await server.stop()
            thaw(process)
            await server.start()
            proxy.target = ("127.0.0.1", server.port)
            moved = re.compile(r"127\.0\.0\.1:\d+/")
            here = f"127.0.0.1:{server.port}/"
            toys.toys.mongo_url, toys.toys.postgres = (
                moved.sub(here, each) for each in (toys.toys.mongo_url, toys.toys.postgres)
            )
            ended = await toys.end(process)
            assert ended.code == 0, ended
            assert ended.verdict["counts"]["moved"] == 400
            await toys.toys.check_moved(400)
    finally:
        await server.stop()


async def test_its_terminal_is_closed(toys: Campaign) -> None:
    """In the foreground: the terminal's SIGHUP and the writes that fail afterwards end nothing."""
    await toys.plan(items=400)
    master, slave = pty.openpty()

    def own_the_terminal() -> None:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    process = await toys.stopped("after commit:2", tty=slave, preexec=own_the_terminal)
    os.close(slave)
    os.close(master)
    thaw(process)
    ended = await toys.end(process)
    assert (ended.code, ended.verdict["state"]) == (0, "done")
    await toys.toys.check_moved(400)


async def test_started_from_a_screen_it_is_nobodys_child(toys: Campaign) -> None:
    """A session of its own, no terminal, a log in the state folder."""
    await toys.plan()
    command = toys.command("runs", "resume", "r-1", "--ordered", "--json")
    author = this_author("demo", "development", "olorin test")
    runs = RunsService((toys.store,), author, toys.state, lambda run_id, typed: command, toys.timing)
    gate = Gate(AuditTrail(toys.state), author, Arming(), production=False)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in toys.variables(TOY_FAIL="after commit:2:STOP").items():
            patched.setenv(name, value)
        async with gate.act(runs.act("resume", toys.store, await toys.known()), FLAG) as token:
            await toys.store.control(token, "r-1", {"want": Want.PAUSE, "who": "eva@db2"})
            log = await runs.start(token, "r-1")
            pid = int(str(token.counts["pid"]))
    worker = psutil.Process(pid)
    await until(lambda: worker.status() == psutil.STATUS_STOPPED)
    assert (os.getsid(pid), worker.terminal()) == (pid, None)
    worker.send_signal(signal.SIGHUP)
    worker.resume()
    await toys.until_run(lambda run: run.state == "done")
    await until(lambda: '"state": "done"' in log.read_text())
    await toys.toys.check_moved(ITEMS)


async def test_two_consoles_press_pause_and_resume(toys: Campaign) -> None:
    await toys.plan(items=1000)
    process = await toys.start(TOY_SLOW="0.5")  # slow enough not to end by itself meanwhile
    await toys.until_run(lambda run: run.done)
    author = this_author("demo", "development", "olorin test")
    gate = Gate(AuditTrail(toys.state), author, Arming(), production=False)
    consoles = [RunsService((toys.store,), author, toys.state, lambda run_id, typed: (), toys.timing) for _ in range(2)]

    async def press(runs: RunsService, verb: str) -> None:
        async with gate.act(runs.act(verb, toys.store, await toys.known()), FLAG) as token:
            await (runs.pause(token, "r-1") if verb == "pause" else runs.resume(token, "r-1"))

    for _ in range(15 if WHOLE else 3):
        await asyncio.gather(press(consoles[0], "pause"), press(consoles[1], "resume"))
    await press(consoles[0], "pause")
    await toys.until_run(lambda run: run.state == "paused")
    await press(consoles[1], "resume")
    await toys.until_run(lambda run: run.state == "running")
    process.terminate()
    assert (await toys.end(process)).code == 13
    assert (await toys.run()).code == 0
    await toys.toys.check_moved(1000)
    run = await toys.known()
    states = [each.state for each in run.history]
    assert all(before != after for before, after in pairwise(states))
    assert run.control.want is Want.GO


@pytest.mark.parametrize("hours", [1, -1] if WHOLE else [1])
async def test_clocks_that_are_an_hour_off(toys: Campaign, hours: int) -> None:
    """The holder's is an hour off to one side, the others' to the other; then the holder's jumps across."""
    await toys.plan(items=1000)
    holder = await toys.start(TOY_SLOW="0.5", **shifted(hours))
    await toys.until_run(lambda run: run.done)
    first = await toys.lease()
    refused = await toys.run(**shifted(-hours))
    since = re.search(r"executes the run r-1 since ([\d-]+ [\d:]+) UTC", refused.said)
    assert (refused.code, since is not None) == (9, True), refused
    assert since is not None
    said = datetime.fromisoformat(since[1]).replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - said) < timedelta(minutes=30), "the server's clock says since when"
    holder.send_signal(signal.SIGUSR1)
    jumped = (await toys.lease()).beats
    async with asyncio.timeout(90):
        while (await toys.lease()).beats < jumped + 3:  # noqa: ASYNC110 - a heartbeat announces nothing
            await asyncio.sleep(0.05)
    assert (await toys.lease()).token == first.token
    freeze(holder)
    await toys.until_lease_aged(toys.timing.silent_s * 2)
    taken = await toys.run("runs", "resume", "r-1", "--json", "--wait", "30", **shifted(-hours))
    assert (taken.code, taken.verdict.get("state")) == (0, "done"), taken
    thaw(holder)
    woken = await toys.end(holder)
    assert (woken.code, woken.verdict["state"]) == (9, "taken over"), woken
    await toys.toys.check_moved(1000)
    entries = AuditTrail(toys.state).read().entries
    off = [datetime.fromisoformat(each["at"]) - datetime.now(UTC) for each in entries if each["action"] == "toy.move"]
    assert min(off) < timedelta(minutes=-30) < timedelta(minutes=30) < max(off), "the clocks were wrong"


async def test_a_full_disk_keeps_a_run_from_beginning(toys: Campaign) -> None:
    """No byte fits into the state folder: no audit, so no batch."""
    await toys.plan()
    before = AuditTrail(toys.state).path.read_bytes()
    full = await toys.start(preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
    ended = await toys.end(full)
    assert (ended.code, ended.verdict) == (8, {})
    assert "The audit log can't be written: File too large" in ended.said
    assert "no audit, no action" in ended.said
    assert (await toys.known()).state == "planned"
    assert AuditTrail(toys.state).path.read_bytes() == before
    assert len((await toys.toys.found())[0]) == ITEMS


async def test_without_transactions_a_takeover_waits_for_the_last_operation(tmp_path: Path) -> None:
    from console.demo.servers import MongoServer

    async with MongoServer(tmp_path / "data", flags=("--standalone",), durable=False) as server:
        toys = Campaign.at("mongo", server.url, "toys", "postgresql://nobody@127.0.0.1:9/x", tmp_path / "state")
        await toys.plan()
        frozen = await toys.stopped("after commit:2")
        shown = await toys.start("runs", "show", "r-1")
        said, _ = await shown.communicate()
        assert b"this server has no transactions: a takeover waits 10 s longer" in said
        frozen.kill()
        await frozen.wait()
        dead = await toys.lease()
        heard = datetime.now(UTC) - timedelta(seconds=dead.age_s)
        assert (dead.extra_s, dead.released) == (10.0, False)
        patience_s = 10.0 if WHOLE else 3.0
        taken = await toys.run("runs", "resume", "r-1", "--json", "--wait", "30", TOY_OPERATION=str(patience_s))
        since = (await toys.lease()).since
        assert since is not None
        came_late = since - heard > timedelta(seconds=patience_s + 1)
        assert (taken.code, "holds database: silent for" in taken.said or came_late) == (0, True), taken
        assert since - heard > timedelta(seconds=patience_s - 0.5), "an operation of the dead may have been under way"
        await toys.toys.check_moved(ITEMS)
        await toys.aclose()


async def test_a_run_whose_outcome_cant_be_audited_still_says_how_it_ended(toys: Campaign) -> None:
    """The disk is full when it is done: that stands in its record and in its verdict, and 1 says that something is."""
    await toys.plan()
    process = await toys.stopped("after the swap:1")
    size = (toys.state / "audit" / "audit.jsonl").stat().st_size
    psutil.Process(process.pid).rlimit(resource.RLIMIT_FSIZE, (size, size))
    thaw(process)
    ended = await toys.end(process)
    assert (ended.code, ended.verdict["state"]) == (1, "done"), ended
    assert "The outcome was not recorded: The audit log can't be written" in ended.verdict["why"]
    assert (await toys.known()).state == "done"
