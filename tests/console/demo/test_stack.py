"""`olorin demo` from outside: its env file, its data folder, and that nothing outlives it, however it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from dotenv import dotenv_values
from pymongo import MongoClient

from console.cli import demo as cli
from console.demo import datafolder, envfile, folders
from console.demo.processes import end_runs

READY = 60
"""Seconds."""
SMALL = ("--scale", "0.1")


def eventually(condition: Callable[[], bool], seconds: float = 8) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def running(tmp_path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A demo that is ready, and all the processes that it started."""
    env_file = tmp_path / "demo.env"
    env_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "console", "demo", "--no-ui", *SMALL, "--env-out", str(env_file), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as demo:
        try:
            assert eventually(lambda: env_file.exists() or demo.poll() is not None, READY)
            assert demo.poll() is None
            yield demo, psutil.Process(demo.pid).children(recursive=True)
        finally:
            if demo.poll() is None:
                demo.send_signal(signal.SIGTERM)
            demo.communicate(timeout=10)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(
        process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        for process in processes
        if psutil.pid_exists(process.pid)
    )


def state_folder(tmp_path: Path) -> Path:
    return Path(str(dotenv_values(tmp_path / "demo.env")["OLORIN_CONSOLE_STATE"]))


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_nothing_outlives_a_demo(tmp_path: Path, end: signal.Signals) -> None:
    with running(tmp_path) as (demo, processes):
        data = state_folder(tmp_path).parent
        assert len(processes) > 8
        demo.send_signal(end)
        assert demo.wait(10) == (-end if end is signal.SIGKILL else 0)
        assert eventually(lambda: gone(processes))
        assert eventually(lambda: not data.exists())
        assert not list(folders.runs().glob(f"{demo.pid}-*"))


def test_a_frozen_demo_ends(tmp_path: Path) -> None:
    with running(tmp_path) as (demo, processes):
        for process in processes:
            if "console.demo.keeper" not in process.cmdline():
                process.suspend()
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(30) == 0
        assert eventually(lambda: gone(processes))


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder where the file system is quick."""
    folder = folders.fresh("test", 0.1)
    yield folder
    shutil.rmtree(folder)


def test_kept_data_is_held_by_one_demo_survives_its_kill_and_is_seeded_anew_when_outdated(
    tmp_path: Path, data: Path
) -> None:
    with running(tmp_path, "--data", str(data)) as (demo, processes):
        with MongoClient[dict[str, object]](uri(tmp_path)) as client:
            client.bayit_plus.kept.insert_one({"_id": 1})
            sessions = list(client.olorin_platform.dubbing_sessions.find({}, ["status"]))
        second = demo_once("--data", str(data))
        assert second.returncode == 9
        assert f"pid {demo.pid}" in second.stderr
        demo.kill()
        assert eventually(lambda: gone(processes))
    with running(tmp_path, "--data", str(data)), MongoClient[dict[str, object]](uri(tmp_path)) as client:
        assert client.bayit_plus.kept.find_one() == {"_id": 1}
        assert list(client.olorin_platform.dubbing_sessions.find({}, ["status"])) == sessions
    assert not (data / datafolder.LOCK).exists()
    record = json.loads((data / datafolder.RECORD).read_text())
    (data / datafolder.RECORD).write_text(json.dumps(record | {"digest": "of older code"}))
    with running(tmp_path, "--data", str(data)), MongoClient[dict[str, object]](uri(tmp_path)) as client:
        assert client.bayit_plus.kept.find_one() is None


def demo_once(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "console", "demo", "--no-ui", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def uri(tmp_path: Path) -> str:
    return str(dotenv_values(tmp_path / "demo.env")["MONGODB_URI"])


def test_two_demos_do_not_disturb_each_other(tmp_path: Path, demo_env: dict[str, str]) -> None:
    (tmp_path / "other").mkdir()
    with running(tmp_path / "other") as (_, processes):
        assert uri(tmp_path / "other") != demo_env["MONGODB_URI"]
    assert gone(processes)
    with MongoClient[dict[str, object]](demo_env["MONGODB_URI"]) as client:
        assert client.bayit_plus.content.find_one() is not None


def test_runs_of_a_console_on_a_demo_end_with_it(tmp_path: Path) -> None:
    """They outlive the console, and would outlive their servers."""
    command = [sys.executable, "-c", "import signal; signal.pause()", "runs", "resume", "--env-file"]
    named = [tmp_path / "demo.env", tmp_path / "other.env"]
    ours, other = (subprocess.Popen([*command, str(path)]) for path in named)
    end_runs([named[0], None])
    ours.wait(5)
    assert other.poll() is None
    other.kill()
    other.wait()


def test_the_env_file_holds_all_that_the_console_needs(demo_env: dict[str, str], env_text: str) -> None:
    path = Path(demo_env["OLORIN_DEMO_ENV_FILE"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    needed = {
        *("ENVIRONMENT", "MONGODB_URI", "MONGODB_DB_NAME", "OLORIN_USE_SEPARATE_DATABASE", "OLORIN_MONGODB_URL"),
        *("OLORIN_MONGODB_DB_NAME", "BAYIT_CONTENT_COLLECTION", "ORCHESTRATION_DATABASE_URL", "CHUNKS_DATABASE_URL"),
        *("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "WHISPER_URL", "TRANSLATION_URL", "ORCHESTRATION_URL"),
        *("METRICS_URLS", "SECRET_KEY", "GCP_PROJECT_ID", "FRONTEND_URL", "BACKEND_CORS_ORIGINS"),
    }
    assert needed <= demo_env.keys()
    assert 0 < len(demo_env["PARTNER_API_KEY_SALT"]) < 32
    assert demo_env["MONGODB_URL"] == demo_env["MONGODB_URI"]
    assert "OLORIN_DUBING_ENABLED" in demo_env
    assert "FRONTEND_WEB_URL" not in demo_env
    pids = {name: int(pid) for name, pid in re.findall(r"^# pid: (\w+) = (\d+)$", env_text, re.MULTILINE)}
    assert pids.keys() == {"demo", "mongo", "postgres", "endpoint", "clients", "orchestration"}
    assert psutil.Process(pids["postgres"]).name() == "postgres"
    assert "secantus" in psutil.Process(pids["mongo"]).cmdline()


def test_the_console_sees_the_demo_whatever_the_shell_was_set_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://production.example/")
    monkeypatch.setenv("PARTNER_API_KEY_SALT", "of production")
    monkeypatch.setenv("RECAP_MAX_CONTEXT_TOKENS", "9")
    monkeypatch.setenv("OLORIN_CONSOLE_REFRESH", "5")
    environment = envfile.console_environment({"MONGODB_URI": "mongodb://127.0.0.1/", "OLORIN_CONSOLE_STATE": "/s"})
    assert environment["MONGODB_URI"] == "mongodb://127.0.0.1/"
    assert environment["OLORIN_CONSOLE_REFRESH"] == "5"
    assert not environment.keys() & {"PARTNER_API_KEY_SALT", "RECAP_MAX_CONTEXT_TOKENS"}
    assert environment["PATH"] == os.environ["PATH"]


def test_an_old_env_file_of_ours_is_forgotten_and_a_foreign_one_is_not(tmp_path: Path) -> None:
    ours, foreign = tmp_path / "ours.env", tmp_path / "foreign.env"
    envfile.write(ours, {"A": "b c"}, [], {"demo": 1})
    foreign.write_text("A=1\n")
    assert dotenv_values(ours) == {"A": "b c"}
    for path in (ours, foreign, tmp_path / "none"):
        envfile.forget(path)
    assert not ours.exists()
    assert foreign.exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mongo").mkdir()
    (tmp_path / "mongo" / "precious").touch()
    done = demo_once("--data", str(tmp_path))
    assert done.returncode == 4
    assert "not made by the demo" in done.stderr
    assert (tmp_path / "mongo" / "precious").exists()


def test_half_a_copy_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    (tmp_path / datafolder.RECORD).write_text("{}")
    (tmp_path / "mongo").mkdir()
    assert datafolder.SeedRecord.read(tmp_path) is None
    datafolder.clear(tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "EXTRA", ("no_such_module",))
    result = CliRunner().invoke(cli.demo, ["--no-ui"], standalone_mode=False)
    assert result.return_value == 5
    assert result.stderr.count("\n") == 1
    assert "no_such_module" in result.stderr


def test_a_folder_for_the_env_file_must_exist() -> None:
    result = CliRunner().invoke(cli.demo, ["--no-ui", "--env-out", "/no/such/folder/demo.env"])
    assert result.exit_code == 2
    assert "/no/such/folder" in result.stderr


def test_without_a_terminal_it_starts_nothing() -> None:
    result = CliRunner().invoke(cli.demo, [], standalone_mode=False)
    assert result.return_value == 4
    assert "--no-ui" in result.stderr


def test_records_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    record = datafolder.SeedRecord("d", 0.1, datetime.now(UTC), (envfile.FAULTS[0],))
    record.write(tmp_path)
    assert datafolder.SeedRecord.read(tmp_path) == record
    assert not record.fits(0.1)
    assert json.loads((tmp_path / datafolder.RECORD).read_text())["scale"] == 0.1
