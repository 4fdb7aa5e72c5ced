"""Drafts on disk: whatever kills a save, and whatever happens to the file, the newest or the one before is there."""

import hashlib
import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.drafting.errors import StorageFailed
from backends.drafting.model import Bay, Kind, Library, StoryBible
from backends.drafting.records import Damaged, decode, encode
from backends.drafting.store import Store
from tests.backends.drafting.scripted import AT, project

KILLED_SAVE = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from backends.drafting.store import Store

folder, fatal, left = Path(sys.argv[1]), int(sys.argv[2]), [0]
store = Store(folder)
[known] = store.load().library.projects
changed = replace(known, draft="newest " * 2000)

def count(event, arguments):
    # Every step of a save that touches the folder is an audit event.
    if event in {"open", "os.rename", "os.link", "os.remove", "os.listdir", "tempfile.mkstemp", "fcntl.flock"}:
        left[0] += 1
        if left[0] == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
store.put(changed)
print(left[0])
"""


def drafts(store: Store) -> list[str]:
    return [each.draft for each in store.load().library.projects]


def save_killed_at(folder: Path, step: int) -> subprocess.CompletedProcess[bytes]:
    """A save of the draft "newest …" in a process of its own, killed at that step (0: never)."""
    return subprocess.run([sys.executable, "-c", KILLED_SAVE, folder, str(step)], capture_output=True, check=False)


def test_a_save_killed_at_any_step_leaves_the_newest_or_the_one_before(tmp_path: Path) -> None:
    old, new = "before " * 2000, "newest " * 2000
    for draft in ("older", old):
        Store(tmp_path / "count").put(project(draft=draft))
    steps = int(save_killed_at(tmp_path / "count", 0).stdout)
    assert steps > 5
    found = []
    for step in range(1, steps + 1):
        store = Store(tmp_path / str(step))
        for draft in ("older", old):
            store.put(project(draft=draft))
        assert save_killed_at(tmp_path / str(step), step).returncode == -signal.SIGKILL
        [draft] = drafts(store)
        found.append(draft)
        assert draft in {old, new}
        assert store.put(project(draft="afterwards")).written
        assert drafts(store) == ["afterwards"]
        assert not list((tmp_path / str(step)).glob(".state.json*"))
    assert {old, new} == set(found)


def test_every_flipped_or_missing_byte_is_detected_and_recovered(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(project(draft="the one before"))
    store.put(project(draft="the newest, with ünicode", story_bible=StoryBible(world="A port.")))
    newest = (tmp_path / "state.json").read_bytes()
    before = (tmp_path / "state.json.bak1").read_bytes()
    for place in range(0, len(newest), 7):
        flipped = bytes([*newest[:place], newest[place] ^ 0x01, *newest[place + 1 :]])
        for broken in (flipped, newest[:place]):
            (tmp_path / "state.json").write_bytes(broken)
            (tmp_path / "state.json.bak1").write_bytes(before)
            loaded = store.load()
            assert [each.draft for each in loaded.library.projects] == ["the one before"]
            assert len(loaded.notes) == 2
            [aside] = tmp_path.glob("state.json.bad-*")
            assert aside.read_bytes() == broken
            aside.unlink()


def test_five_backups_from_the_newest_on_and_none_for_what_did_not_change(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(8):
        assert store.put(project(draft=f"draft {number}")).written
        assert not store.put(project(draft=f"draft {number}", updated_at=AT)).written
    backups = [decode((tmp_path / f"state.json.bak{place}").read_bytes()) for place in range(1, 6)]
    assert [each.library.projects[0].draft for each in backups] == [f"draft {number}" for number in (6, 5, 4, 3, 2)]
    assert not (tmp_path / "state.json.bak6").exists()


def test_the_newest_backup_that_is_good_is_taken(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(7):
        store.put(project(draft=f"draft {number}"))
    for name in ("state.json", "state.json.bak1", "state.json.bak2"):
        (tmp_path / name).write_bytes(b"{}")
    assert drafts(store) == ["draft 3"]
    assert len(list(tmp_path.glob("*.bad-*"))) == 3
    assert store.load().notes == ()


def test_where_nothing_is_good_all_is_kept_aside_and_work_goes_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(project(draft="one"))
    (tmp_path / "state.json").write_bytes(b"")
    loaded = store.load()
    assert loaded.library == Library()
    assert "damaged" in loaded.notes[0]
    assert store.put(project(draft="two")).written


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(project())
    record = json.loads((tmp_path / "state.json").read_bytes())
    body = {**{name: value for name, value in record.items() if name != "checksum"}, "schema": 3}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    later = json.dumps({**body, "checksum": hashlib.sha256(canonical).hexdigest()}).encode()
    (tmp_path / "state.json").write_bytes(later)
    with pytest.raises(StorageFailed, match="newer"):
        store.put(project(draft="mine"))
    assert (tmp_path / "state.json").read_bytes() == later


@pytest.mark.parametrize(
    "wrong",
    [{"bay": "LATE"}, {"title": 7}, {"draft": None}, {"intensity": 1.5}, {"created_at": "2026-01-02"}, {"id": "x"}],
    ids=str,
)
def test_what_parses_but_is_wrong_is_damage(wrong: dict[str, object]) -> None:
    record = json.loads(encode(Library((project(),)), AT))
    record["content"]["projects"][0].update(wrong)
    del record["checksum"]
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    data = json.dumps({**record, "checksum": hashlib.sha256(canonical).hexdigest()}).encode()
    with pytest.raises(Damaged):
        decode(data)


def test_what_would_be_read_as_damage_is_never_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(project(draft="good"))
    with pytest.raises(StorageFailed, match="the workspace is none"):
        store.put(project(2, kind=Kind.WORKSPACE))
    assert drafts(Store(tmp_path)) == ["good"]


def test_everything_of_a_project_comes_back(tmp_path: Path) -> None:
    bible = StoryBible("s", "g", "w", "c", "o")
    saved = project(title="Ütitle", bay=Bay.EDIT, draft="a\nb „c“ 😀", story_bible=bible, intensity=0.25)
    Store(tmp_path, now=lambda: AT).put(saved)
    assert Store(tmp_path).load().library.projects == (saved,)


def test_what_was_edited_by_hand_is_sanitised_whole(tmp_path: Path) -> None:
    Store(tmp_path).put(project(title="t\x1b[2J", draft="a\x1b]0;x\x07\n" + "\t" * 1000 + "end"))
    [found] = Store(tmp_path).load().library.projects
    assert found.title == "t␛[2J"
    assert found.draft == "a␛]0;x␇\n" + " " * 4000 + "end"


def test_two_writers_lose_nothing_of_each_other(tmp_path: Path) -> None:
    first, second = Store(tmp_path), Store(tmp_path)
    for number in range(5):
        first.put(project(1, draft=f"first {number}"))
        second.put(project(2, draft=f"second {number}"))
    assert drafts(first) == drafts(second) == ["first 4", "second 4"]


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file can grow past 100 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_and_keeps_the_old(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    store = Store(tmp_path)
    store.put(project(draft="kept"))
    request.getfixturevalue("full_disk")
    with pytest.raises(StorageFailed, match="File too large"):
        store.put(project(draft="new"))
    assert drafts(store) == ["kept"]
    assert not list(tmp_path.glob(".state.json*"))


def test_what_another_process_wrote_is_seen_and_kept(tmp_path: Path) -> None:
    mine, other = Store(tmp_path), Store(tmp_path)
    mine.put(project(1, draft="Mine."))
    other.put(project(2, draft="Other."))
    mine.put(project(1, draft="Mine again."))
    assert [each.draft for each in Store(tmp_path).load().library.projects] == ["Mine again.", "Other."]
    assert mine.load().library == other.load().library


def test_files_are_read_in_any_writing_and_written_in_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(project(1, draft="He waited."))
    data = (tmp_path / "state.json").read_bytes()
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode()
    (tmp_path / "state.json").write_text(json.dumps(json.loads(data), indent=1))
    assert Store(tmp_path).load().library.projects[0].draft == "He waited."
    assert Store(tmp_path).load().notes == ()


def test_files_of_the_first_schema_are_read_with_the_defaults_of_what_they_lack(tmp_path: Path) -> None:
    start = json.loads(encode(Library((project(1, draft="He waited."),)), AT))
    known = {"id", "title", "bay", "draft", "created_at", "updated_at", "story_bible", "intensity"}
    [record] = start["content"]["projects"]
    old = {name: value for name, value in record.items() if name in known}
    body = {"schema": 1, "saved_at": start["saved_at"], "digest": "x", "content": {"projects": [old]}}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    (tmp_path / "state.json").write_text(json.dumps({**body, "checksum": hashlib.sha256(canonical).hexdigest()}))
    assert Store(tmp_path).load().library == Library((project(1, draft="He waited."),))
