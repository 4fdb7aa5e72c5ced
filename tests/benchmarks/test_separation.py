"""The separation against a bare loop of the driver on the same server in the same run; ratios are printed."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import MongoClient

from backends.backup.bson_files import documents
from backends.migrations.olorin.raw import raw
from tests.faults.campaign import ROOT
from tests.olorin import Platform, platform_on

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

DOCUMENTS = int(os.environ.get("BENCH_DOCUMENTS", "200000"))
BATCH = 1000
TURNS = 3
MOST_MIB = 120
RATIO = 0.85


@pytest.fixture
def platform(mongo_url: str, mongo_database: str) -> Iterator[Platform]:
    with platform_on(mongo_url, mongo_database) as platform:
        for at in range(0, DOCUMENTS, BATCH):
            platform.bayit.content_embeddings.insert_many([embedding(at + number) for number in range(BATCH)])
        yield platform


def embedding(number: int) -> dict[str, Any]:
    """A document of 1 KB like those of the platform."""
    return {
        "content_id": f"{number:024x}",
        "embedding_type": "subtitle_segment",
        "segment_index": number,
        "segment_text": "x" * 700,
        "embedding_model": "text-embedding-3-small",
        "embedding_dimensions": 1536,
        "pinecone_vector_id": f"{number:032x}",
        "language": "he",
        "genre_ids": ["a", "b"],
    }


def bare_loop(platform: Platform) -> float:
    """Seconds that the driver needs to read raw batches and insert them."""
    began = time.monotonic()
    with MongoClient[dict[str, Any]](platform.url) as client:
        target = client[f"{platform.olorin.name}_bare"]
        batches: Any = client[platform.bayit.name].content_embeddings.find_raw_batches(batch_size=BATCH)
        for batch in batches:
            target.content_embeddings.insert_many([raw(each) for each in documents(batch)], ordered=False)
        took_s = time.monotonic() - began
        client.drop_database(target.name)
    return took_s


async def command(platform: Platform, state: Path, *arguments: str) -> tuple[float, int]:
    """Seconds that the command takes, and the most memory that it has resident, in bytes."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    said = platform.environment(OLORIN_USE_SEPARATE_DATABASE="false", OLORIN_CONSOLE_STATE=str(state))
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console", "migrate", "olorin", *arguments, "--json",
        env={**kept, **said, "PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    watched, most = psutil.Process(process.pid), 0
    while process.returncode is None:
        try:
            most = max(most, watched.memory_info().rss)
        except psutil.Error:
            break
        await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=0.1)
    assert await process.wait() == 0
    return time.monotonic() - began, most


def worked_s(platform: Platform) -> float:
    """Seconds from where the run first worked to where it held, as its record says: without the process' start."""
    run = platform.olorin.console_runs.find_one({}) or {}
    times = {entered["state"]: entered["at"] for entered in reversed(run["history"])}
    return float((times["holding"] - times["running"]).total_seconds())


async def test_copy_and_verify(platform: Platform, tmp_path: Path) -> None:
    """The bare loop and the copy by turns, the best of each: what else the machine does makes both only slower."""
    loops, copies, runs, cpus, most = [], [], [], [], 0
    for turn in range(TURNS):
        platform.olorin.client.drop_database(platform.olorin.name)
        began_s = cpu_s()
        loops.append(await asyncio.to_thread(bare_loop, platform))
        looped_s = cpu_s()
        took_s, resident = await command(platform, tmp_path / str(turn), "--execute")
        copies.append(took_s)
        cpus.append((looped_s - began_s) / (cpu_s() - looped_s))
        runs.append(worked_s(platform))
        most = max(most, resident)
    again_s, _ = await command(platform, tmp_path / str(TURNS - 1), "--execute")
    verify_s, verify_bytes = await command(platform, tmp_path / str(TURNS - 1), "--verify")
    bare_s, copy_s, run_s = min(loops), min(copies), min(runs)
    print(f"\n{DOCUMENTS:,} documents of 1 KB: bare loop {said(loops)} s, {DOCUMENTS / bare_s:,.0f}/s")  # noqa: T201
    ratios = f"{bare_s / copy_s:.2f} times the bare loop, {bare_s / run_s:.2f} without the process' start"
    print(f"copy {said(copies)} s: {ratios}, {most / 2**20:.0f} MiB")  # noqa: T201
    print(f"by CPU seconds of client and server: {said(cpus)} times the bare loop")  # noqa: T201
    print(f"verify {verify_s:.1f} s: {copy_s / verify_s:.2f} times the copy, {verify_bytes / 2**20:.0f} MiB")  # noqa: T201
    back_s, back_bytes = await command(platform, tmp_path / str(TURNS - 1), "--rollback")
    print(f"rollback {back_s:.1f} s, {back_bytes / 2**20:.0f} MiB")  # noqa: T201
    print(f"again, with a valid token: {again_s:.1f} s")  # noqa: T201
    assert all(map(within, (most, verify_bytes, back_bytes)))
    assert verify_s <= copy_s
    assert bare_s / run_s >= RATIO


def within(resident: int) -> bool:
    """Whether it is the memory that is asked for, whatever the collection's size."""
    return resident < MOST_MIB * 2**20


def cpu_s() -> float:
    """CPU seconds of this process, of those that it waited for, and of the server where it started that."""
    live = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return sum(os.times()[:4]) + sum(each.user + each.system for each in live)


def said(numbers: list[float]) -> str:
    """Numbers, each turn's."""
    return ", ".join(f"{each:.2f}" for each in numbers)
