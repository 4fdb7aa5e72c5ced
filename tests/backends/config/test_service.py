"""The service: it sees a changed file, tells who asked, compares with another file, and keeps every secret."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from backends.clients.errors import NotThere
from backends.config.changes import Change
from backends.config.model import ConfigSnapshot, Status
from backends.config.service import ConfigService
from backends.sampling.jsonable import to_json
from console.settings import own_problems
from tests.backends.config.configurations import HEALTHY, SALT


def value(snapshot: ConfigSnapshot, id_: str) -> str:
    return next(each.value for each in snapshot.settings if each.id == id_)


def service(file: Path | None, process: Mapping[str, str] | None = None) -> ConfigService:
    return ConfigService(file, process or {}, own_problems)


async def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "x.env"
    file.write_text("RECAP_SUMMARY_MAX_TOKENS=100\n")
    config = service(file)
    first = await config.snapshot()
    assert await config.snapshot() is first
    file.write_text("RECAP_SUMMARY_MAX_TOKENS=2000\n")
    assert value(await config.snapshot(), "olorin.recap.summary_max_tokens") == "2000"


async def test_a_replaced_file_of_the_same_size_and_time_is_read_anew(tmp_path: Path) -> None:
    file, other = tmp_path / "x.env", tmp_path / "y.env"
    file.write_text("PINECONE_INDEX_NAME=one\n")
    other.write_text("PINECONE_INDEX_NAME=two\n")
    os.utime(other, ns=(file.stat().st_mtime_ns,) * 2)
    config = service(file)
    await config.snapshot()
    other.replace(file)
    assert value(await config.snapshot(), "olorin.pinecone.index_name") == "two"


async def test_a_file_that_comes_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config, file = service(None), tmp_path / ".env"
    assert (await config.snapshot()).env_file == ""
    file.write_text("PINECONE_INDEX_NAME=here\n")
    assert value(await config.snapshot(), "olorin.pinecone.index_name") == "here"
    file.unlink()
    assert value(await config.snapshot(), "olorin.pinecone.index_name") == "olorin-content"


async def test_a_named_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    snapshot = await service(tmp_path / "gone.env").snapshot()
    assert [(each.id, each.status) for each in snapshot.others] == [("env_file", Status.FAIL)]


async def test_malformed_variables_of_the_consoles_own_are_findings() -> None:
    snapshot = await service(None, {"OLORIN_CONSOLE_REFRESH": "soon", "WHISPER_URL": "ftp://x"}).snapshot()
    bad = {each.name for each in snapshot.settings if each.group == "console" and each.status is Status.FAIL}
    assert bad == {"OLORIN_CONSOLE_REFRESH", "WHISPER_URL"}


async def test_who_asked_is_told_of_changes(tmp_path: Path) -> None:
    file = tmp_path / "x.env"
    file.write_text("RECAP_SUMMARY_MAX_TOKENS=100\n")
    config = service(file)
    told: list[Change] = []
    end = config.on_change("olorin.recap", told.append)
    await config.snapshot()
    file.write_text(f"RECAP_SUMMARY_MAX_TOKENS=200\nPARTNER_API_KEY_SALT={SALT}\n")
    await config.snapshot()
    assert told == [Change("olorin.recap.summary_max_tokens", "RECAP_SUMMARY_MAX_TOKENS", "100", "200")]
    end()
    file.write_text("")
    await config.snapshot()
    assert len(told) == 1


def test_a_value_is_had_by_path_or_by_variable() -> None:
    config = service(None, {"AUDIO_CHUNKING_CHUNK_DURATION": "4", "DATABASE_POOL_SIZE": "x"})
    assert config.value("audio.chunk_duration") == 4.0
    assert config.value("database_pool_size") == config.value("DATABASE_POOL_SIZE") == 10
    assert config.value("olorin.dubbing_enabled") is False
    with pytest.raises(NotThere):
        config.value("nothing.such")


async def test_fifty_readers_at_once_get_the_same(tmp_path: Path) -> None:
    file = tmp_path / "x.env"
    file.write_text("PINECONE_INDEX_NAME=one\n")
    config = service(file)
    snapshots = await asyncio.gather(*(config.snapshot() for _ in range(50)))
    assert len({to_json(each) for each in snapshots}) == 1


def test_differences_to_another_file(tmp_path: Path) -> None:
    there = tmp_path / "there.env"
    there.write_text(f"OLORIN_RECAP_ENABLED=yes\nPARTNER_API_KEY_SALT={SALT}x\nGCP_PROJECT_ID=other\n")
    here = {name: HEALTHY[name] for name in ("PARTNER_API_KEY_SALT", "GCP_PROJECT_ID", "OLORIN_RECAP_ENABLED")}
    found = {each.id: each for each in service(None, here).differences(there)[0]}
    assert set(found) == {"olorin.partner.api_key_salt", "platform.gcp_project_id"}
    assert (found["platform.gcp_project_id"].here, found["platform.gcp_project_id"].there) == ("bayit-prod", "other")
    salt = found["olorin.partner.api_key_salt"]
    assert salt.here != salt.there
    assert SALT not in to_json(salt)
    assert salt.there_source == f"{there}:2"


def test_differences_to_a_running_process() -> None:
    differences, _ = service(None, {}).differences(Path("/proc/self/environ"))
    assert {each.name for each in differences} <= set(os.environ)


def test_differences_to_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="can't be read: it is a directory"):
        service(None, {}).differences(tmp_path)


def test_our_own_file_must_be_readable_too(tmp_path: Path) -> None:
    other = tmp_path / "other.env"
    other.write_text("ENVIRONMENT=staging\n")
    with pytest.raises(NotThere, match="directory"):
        service(tmp_path, {}).differences(other)


def test_what_is_odd_about_a_file_is_told_beside_the_differences(tmp_path: Path) -> None:
    other = tmp_path / "other.env"
    other.write_text("ENVIRONMENT='staging\nPORT=1\n")
    _, odd = service(None, {}).differences(other)
    assert [line for line in odd if f"{other}:1" in line]
