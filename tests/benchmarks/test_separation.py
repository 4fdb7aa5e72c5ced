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
    """The bare loop runs first and last: a machine that others use too does not stay as fast as it was."""
    before_s = await asyncio.to_thread(bare_loop, platform)
    copy_s, copy_bytes = await command(platform, tmp_path, "--execute")
    run_s = worked_s(platform)
    again_s, _ = await command(platform, tmp_path, "--execute")
    verify_s, verify_bytes = await command(platform, tmp_path, "--verify")
    after_s = await asyncio.to_thread(bare_loop, platform)
    bare_s = (before_s + after_s) / 2
    said = f"{before_s:.1f} and {after_s:.1f} s, {DOCUMENTS / bare_s:,.0f}/s"
    print(f"\n{DOCUMENTS:,} documents of 1 KB: bare loop {said}")  # noqa: T201
    ratios = f"{bare_s / copy_s:.2f} times the bare loop, {bare_s / run_s:.2f} without the process' start"
    print(f"copy {copy_s:.1f} s: {ratios}, {copy_bytes / 2**20:.0f} MiB")  # noqa: T201
    print(f"verify {verify_s:.1f} s: {copy_s / verify_s:.2f} times the copy, {verify_bytes / 2**20:.0f} MiB")  # noqa: T201
    print(f"again, with a valid token: {again_s:.1f} s")  # noqa: T201
