"""The service's audio settings beside ours, as values and over a real socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backends.clients.errors import BadAnswer
from backends.clients.http import HttpClient
from backends.config.model import Status
from backends.config.orchestration import AudioChunkingConfig
from backends.config.sources import Sources
from backends.config.sync import Sync, SyncState, SyncWatch, compare, read_service, sync_findings
from backends.config.values import read_values
from tests.backends.config.serving import serving

OURS = AudioChunkingConfig().model_dump()


def both(**theirs: Any) -> Sync:
    return compare(OURS, {**OURS, **theirs}, {})


@pytest.mark.parametrize("theirs", [{}, {"unheard_of": 1}])
def test_the_same(theirs: dict[str, Any]) -> None:
    assert (both(**theirs).state, both(**theirs).reason) == (SyncState.SYNCHRONIZED, "")


@pytest.mark.parametrize("theirs", [{"chunk_duration": 3.1}, {"min_quality_threshold": 0.4}, {"noise_threshold": 0.03}])
def test_small_differences_are_told_and_no_drift(theirs: dict[str, Any]) -> None:
    sync = both(**theirs)
    assert (sync.state, [each.field for each in sync.near]) == (SyncState.SYNCHRONIZED, list(theirs))
    assert "apart by less than what counts as drift" in sync.reason
    assert sync.ours != sync.theirs


@pytest.mark.parametrize(
    "theirs",
    [
        {"chunk_duration": 3.2},
        {"min_quality_threshold": 0.41},
        {"silence_threshold": 0.1},
        {"max_concurrent_chunks": 11},
        {"store_transcripts": False},
        {"audio_storage_path": "/elsewhere"},
    ],
)
def test_drift_field_by_field(theirs: dict[str, Any]) -> None:
    sync = both(**theirs)
    assert sync.state is SyncState.DRIFT_DETECTED
    assert [each.field for each in sync.drifts] == list(theirs)
    assert sync.ours != sync.theirs


UNUSABLE = [{"chunk_duration": 99}, {"overlap_duration": "x"}, {"overlap_duration": 2.0, "chunk_duration": 1.0}]


@pytest.mark.parametrize("theirs", UNUSABLE)
def test_a_service_with_unusable_values_needs_a_rollback(theirs: dict[str, Any]) -> None:
    assert both(**theirs).state is SyncState.ROLLBACK_REQUIRED


def test_ours_must_be_usable() -> None:
    values = read_values(Sources({"AUDIO_CHUNKING_CHUNK_DURATION": "99"}))
    [finding] = sync_findings(SyncWatch(), OURS, values)
    assert (finding.status, finding.message.split(",")[0]) == (Status.WARN, "validation_error")


async def test_the_services_view_over_http() -> None:
    client = HttpClient()
    body = json.dumps({"orchestration_service": {"chunking_config": {**OURS, "chunk_duration": 4.5}}})
    async with serving(200, body) as url:
        theirs = await read_service(client, f"{url}/")
    service, field = sync_findings(SyncWatch(), theirs, read_values(Sources({})))
    assert (service.message.split(",")[0], field.id) == ("drift_detected", "audio.chunk_duration")
    assert field.message == "the service runs with 4.5, 3 is configured here"
    assert field.remedy == "AUDIO_CHUNKING_CHUNK_DURATION=4.5"
    await client.aclose()


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"orchestration_service": {"chunking_config": [1]}}', "\x1b[2J"])
async def test_an_answer_without_settings(body: str) -> None:
    client = HttpClient()
    async with serving(200, body) as url:
        with pytest.raises(BadAnswer, match="no audio settings"):
            await read_service(client, url)
    await client.aclose()


async def test_a_service_that_tells_no_configuration() -> None:
    client = HttpClient()
    async with serving(200, "{}") as url:
        theirs = await read_service(client, f"{url}/elsewhere")
    assert theirs is None
    [finding] = sync_findings(SyncWatch(), theirs, read_values(Sources({})))
    assert (finding.status, finding.message.split(":")[0]) == (Status.WARN, "service_unavailable")
    await client.aclose()
