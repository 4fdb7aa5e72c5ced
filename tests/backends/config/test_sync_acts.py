"""Ending a drift: pushed, pulled, undone; refused where it would change something else than was agreed to."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from backends.clients.errors import BadAnswer, CannotConnect, NotConfigured, Refused
from backends.clients.http import HttpClient
from backends.config.service import ConfigService
from backends.config.sync import SyncWatch
from backends.config.sync_acts import Change, Direction, ServiceSync, SyncReport
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Consent, Gate
from console.settings import own_problems
from tests.backends.config.audio_service import AudioService, audio_service

TEXT = b"# audio\r\nexport AUDIO_CHUNKING_CHUNK_DURATION=3.5  # was 3\r\nSECRET_KEY='x y'\r\n"
Act = Callable[[Direction], Awaitable[SyncReport]]
AGREED = Consent("command", explicit=True)


@pytest.fixture
async def service() -> AsyncIterator[AudioService]:
    """A service that cuts longer chunks than we say."""
    async with audio_service(chunk_duration=4.5) as served:
        yield served


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A dotenv file as people write them."""
    path = tmp_path / "eu.env"
    path.write_bytes(TEXT)
    path.chmod(0o640)
    return path


def write(file: Path, text: str) -> None:
    file.write_text(text)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def written(file: Path) -> bytes:
    return file.read_bytes()


@pytest.fixture
async def sync(service: AudioService, file: Path, tmp_path: Path) -> AsyncIterator[ServiceSync]:
    http = HttpClient()
    yield ServiceSync(http, service.url + "/", ConfigService(file, {}, own_problems), SyncWatch(), tmp_path / "state")
    await http.aclose()


@pytest.fixture
def trail(tmp_path: Path) -> AuditTrail:
    return AuditTrail(tmp_path / "state")


@pytest.fixture
def act(sync: ServiceSync, trail: AuditTrail) -> Act:
    """Plans and carries out, through a gate."""
    gate = Gate(trail, this_author("eu", "development", "olorin test"), Arming(), production=False)

    async def carry_out(direction: Direction) -> SyncReport:
        plan = await sync.plan(direction)
        async with gate.act(plan.act, AGREED) as token:
            return await sync.carry_out(token, plan)

    return carry_out


async def test_a_push_sends_what_differs_and_a_rollback_takes_it_back(
    service: AudioService, act: Act, trail: AuditTrail
) -> None:
    pushed = await act(Direction.PUSH)
    assert service.sent == [{"chunk_duration": 3.5}]
    assert (pushed.state, pushed.changed) == ("synchronized", (Change("chunk_duration", 4.5, 3.5),))
    undone = await act(Direction.ROLLBACK)
    assert service.settings["chunk_duration"] == 4.5
    assert undone.drifts == (Change("chunk_duration", 3.5, 4.5),)
    with pytest.raises(Refused, match="no push or pull to undo"):
        await act(Direction.ROLLBACK)
    chain = trail.read()
    assert chain.whole
    assert [entry["action"] for entry in chain.entries] == ["config.push"] * 2 + ["config.rollback"] * 2


async def test_a_pull_changes_its_lines_of_the_file_and_nothing_else(file: Path, act: Act) -> None:
    pulled = await act(Direction.PULL)
    assert pulled.state == "synchronized"
    assert written(file) == TEXT.replace(b"3.5  # was 3", b"4.5")
    assert mode(file) == 0o640
    await act(Direction.ROLLBACK)
    assert written(file) == TEXT.replace(b"  # was 3", b"")


async def test_a_pull_of_what_the_file_does_not_set_is_undone_by_removing_it(
    service: AudioService, file: Path, act: Act
) -> None:
    service.settings |= {"chunk_duration": 3.5, "store_transcripts": False, "audio_storage_path": "/data/its place"}
    await act(Direction.PULL)
    assert b"AUDIO_CHUNKING_STORE_TRANSCRIPTS=" in written(file)
    await act(Direction.ROLLBACK)
    assert b"STORE" not in written(file)


async def test_what_changed_in_between_is_left_alone(service: AudioService, sync: ServiceSync, act: Act) -> None:
    await act(Direction.PUSH)
    service.settings["chunk_duration"] = 4.0
    with pytest.raises(Refused, match="somebody else changed it"):
        await act(Direction.ROLLBACK)
    assert service.settings["chunk_duration"] == 4.0


async def test_a_service_that_refuses_is_shown_as_refusing(service: AudioService, act: Act) -> None:
    service.refuses = True
    with pytest.raises(Refused, match="refuses \\(400\\)") as caught:
        await act(Direction.PUSH)
    assert "\x1b" not in caught.value.message
    with pytest.raises(Refused, match="no push or pull"):
        await act(Direction.ROLLBACK)


async def test_a_service_that_says_yes_and_changes_nothing_is_found_out(service: AudioService, act: Act) -> None:
    service.forgets = True
    with pytest.raises(BadAnswer, match=r"was accepted, but is still 4\.5"):
        await act(Direction.PUSH)


async def test_nothing_to_do(service: AudioService, sync: ServiceSync) -> None:
    service.settings["chunk_duration"] = 3.5
    for direction in (Direction.PUSH, Direction.PULL):
        with pytest.raises(Refused, match="the same audio settings"):
            await sync.plan(direction)


async def test_a_pull_into_a_file_that_the_process_environment_shadows_is_refused(
    service: AudioService, file: Path, tmp_path: Path
) -> None:
    http = HttpClient()
    config = ConfigService(file, {"AUDIO_CHUNKING_CHUNK_DURATION": "3"}, own_problems)
    with pytest.raises(Refused, match="environment sets AUDIO_CHUNKING_CHUNK_DURATION"):
        await ServiceSync(http, service.url, config, SyncWatch(), tmp_path).plan(Direction.PULL)
    nowhere = ConfigService(None, {}, own_problems)
    with pytest.raises(Refused, match="no dotenv file"):
        await ServiceSync(http, service.url, nowhere, SyncWatch(), tmp_path).plan(Direction.PULL)
    await http.aclose()


async def test_our_own_unusable_settings_are_never_pushed(service: AudioService, file: Path, sync: ServiceSync) -> None:
    write(file, "AUDIO_CHUNKING_CHUNK_DURATION=99\n")
    with pytest.raises(Refused, match="can't be used: AUDIO_CHUNKING_CHUNK_DURATION"):
        await sync.plan(Direction.PUSH)


async def test_no_service(file: Path, tmp_path: Path) -> None:
    http = HttpClient(connect_s=1)
    config = ConfigService(file, {}, own_problems)
    with pytest.raises(NotConfigured):
        await ServiceSync(http, "", config, SyncWatch(), tmp_path).report()
    sync = ServiceSync(http, "http://127.0.0.1:1", config, SyncWatch(), tmp_path)
    assert (await sync.report()).state == "service_unavailable"
    with pytest.raises(CannotConnect):
        await sync.plan(Direction.PUSH)
    await http.aclose()


@pytest.mark.parametrize(
    "theirs",
    [
        {"chunk_duration": 99},
        {"audio_storage_path": "/x'\nOLORIN_USE_SEPARATE_DATABASE=true\n"},
        {"audio_storage_path": "/${HOME}"},
        {"audio_storage_path": "/\x1b[31m"},
        {"chunk_duration": float("inf")},
    ],
)
async def test_what_a_service_says_gets_into_our_file_only_where_it_can_be_used(
    service: AudioService, file: Path, sync: ServiceSync, theirs: dict[str, object]
) -> None:
    service.settings |= theirs
    with pytest.raises(Refused):
        await sync.plan(Direction.PULL)
    assert written(file) == TEXT


async def test_a_change_on_both_sides_is_a_conflict(service: AudioService, file: Path, sync: ServiceSync) -> None:
    service.settings["chunk_duration"] = 3.5
    assert (await sync.report()).state == "synchronized"
    service.settings["chunk_duration"] = 4.0
    assert (await sync.report()).state == "drift_detected"
    write(file, "AUDIO_CHUNKING_CHUNK_DURATION=5\n")
    assert (await sync.report()).state == "conflict"
    write(file, "AUDIO_CHUNKING_CHUNK_DURATION=99\n")
    assert (await sync.report()).state == "validation_error"
