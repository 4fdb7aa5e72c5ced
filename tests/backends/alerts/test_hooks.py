"""Hooks: told of what changed, in their environment; one that hangs is ended with its children."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backends.alerts.hooks import News, hooks_in, news, run_hooks
from backends.alerts.model import Alert, Phase
from backends.alerts.table import RULES
from backends.clients.errors import Refused
from tests.waiting import until

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
BY_ID = {rule.id: rule for rule in RULES}


def alert(id_: str, state: Phase, cause: str = "") -> Alert:
    return Alert(BY_ID[id_], state, 3.0, T0, T0, "main", "cannot connect: $(touch pwned) `x`", cause=cause)


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def test_only_what_changed_and_stands_for_itself_is_news() -> None:
    alerts = (
        alert("servers.mongo", Phase.FIRING),
        alert("pools.full", Phase.PENDING),
        alert("orphans.count", Phase.NO_DATA, cause="servers.mongo"),
        alert("config.salt", Phase.OK),
        alert("bots.ghosts", Phase.NOT_CONFIGURED),
        alert("runs.failed", Phase.FIRING),
        alert("runs.stale", Phase.OK),
    )
    told = {"runs.failed": "firing", "runs.stale": "firing"}
    assert [(each.alert.rule.id, each.before) for each in news(alerts, told)] == [
        ("servers.mongo", "ok"), ("runs.stale", "firing"),
    ]  # fmt: skip


async def test_the_alert_is_in_the_environment_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://ops:secret@db")
    hook = script(tmp_path, "mail", f"env > {tmp_path}/seen")
    change = News(alert("servers.mongo", Phase.FIRING), "ok")
    assert await run_hooks((hook,), (change,), "eu-west") == ()
    seen = dict(line.partition("=")[::2] for line in (tmp_path / "seen").read_text().splitlines())
    assert seen["OLORIN_ALERT_ID"] == "servers.mongo"
    assert (seen["OLORIN_ALERT_STATE"], seen["OLORIN_ALERT_BEFORE"]) == ("firing", "ok")
    assert (seen["OLORIN_ALERT_VALUE"], seen["OLORIN_ALERT_THRESHOLD"]) == ("3", "1")
    assert seen["OLORIN_ALERT_WHAT"] == "cannot connect: $(touch pwned) `x`"
    assert seen["OLORIN_ALERT_PROFILE"] == "eu-west"
    assert "secret" not in (tmp_path / "seen").read_text()


async def test_one_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    hang = script(tmp_path, "hang", f"sleep 300 &\necho $! > {tmp_path}/child\nwait")
    well = script(tmp_path, "well", f"touch {tmp_path}/told")
    started = time.monotonic()
    (failure,) = await run_hooks((hang, well), (News(alert("servers.mongo", Phase.FIRING), "ok"),), "x", timeout_s=1.0)
    assert (failure.hook, failure.id) == ("hang", "servers.mongo")
    assert "longer than 1 s" in failure.why
    assert (tmp_path / "told").exists()
    assert time.monotonic() - started < 60
    child = int((tmp_path / "child").read_text())
    await until(lambda: not is_running(child))


def is_running(pid: int) -> bool:
    """Whether the process lives; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_one_that_fails_or_can_not_start_is_said(tmp_path: Path) -> None:
    bad, broken = script(tmp_path, "bad", "exit 3"), tmp_path / "broken"
    broken.write_text("#!/no/such/shell\n")
    broken.chmod(0o700)
    failures = await run_hooks((bad, broken), (News(alert("servers.mongo", Phase.FIRING), "ok"),), "x")
    assert [each.hook for each in failures] == ["bad", "broken"]
    assert failures[0].why == "it ended with 3"


def test_which_files_are_hooks(tmp_path: Path) -> None:
    first, second = script(tmp_path, "20-b", ""), script(tmp_path, "10-a", "")
    (tmp_path / "README").write_text("not executable")
    script(tmp_path, ".hidden", "")
    (tmp_path / "folder").mkdir()
    assert hooks_in(tmp_path) == (second, first)
    first.chmod(0o777)
    with pytest.raises(Refused, match="Anybody may write"):
        hooks_in(tmp_path)
