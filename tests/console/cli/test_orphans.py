"""`olorin orphans`, run as a person runs it, on a platform with orphans of each kind."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.olorin import T0, Platform, platform_on

KEYS = [
    "name", "field", "parent", "documents", "orphans", "missing_parents", "soft_deleted", "suspended", "malformed",
    "exempt", "in_grace", "removable", "p95_ms", "duration_s",
]  # fmt: skip

PLANTED = re.compile(r"^# planted: ([\w.]+) = (\d+)", re.MULTILINE)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def platform(mongo_url: str, mongo_database: str) -> Iterator[Platform]:
    with platform_on(mongo_url, mongo_database) as platform:
        platform.bayit.content.insert_one({"_id": ObjectId()})
        platform.olorin.integration_partners.insert_many(
            [{"partner_id": "acme"}, {"partner_id": "idle", "suspended_at": T0}]
        )
        platform.olorin.dubbing_sessions.insert_many(
            [{"partner_id": each} for each in ("acme", "gone", "gone", "idle", "\x1b[2Jlost[/]", 7)]
        )
        yield platform


@pytest.fixture
def olorin(platform: Platform, tmp_path: Path) -> Run:
    def run(*arguments: str, of: str = "orphans", **more: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": "/usr/bin", "OLORIN_CONSOLE_STATE": str(tmp_path), **platform.environment(**more)}
        command = [sys.executable, "-m", "console", *([of] if of else []), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    return run


def test_a_scan_is_a_run_that_stops_and_goes_on(olorin: Run, platform: Platform) -> None:
    """In production without a word of consent: it is recorded beside the history, and nothing in the databases."""
    before = platform.olorin.list_collection_names()
    production = {"ENVIRONMENT": "production"}
    stopped = olorin("scan", "--json", "--max-minutes", "0", **production)
    verdict = json.loads(stopped.stdout)
    assert (stopped.returncode, verdict["state"]) == (14, "stopped")
    done = olorin(*verdict["resume_cmd"].split()[1:], "--json", of="", **production)
    assert (done.returncode, json.loads(done.stdout)["counts"]["orphans"]) == (0, 3)
    (run,) = json.loads(olorin("list", "--json", of="runs").stdout)["runs"]
    assert (run["id"], run["kind"], run["state"]) == (verdict["run_id"], "orphans.scan", "done")
    assert platform.olorin.list_collection_names() == before


def test_a_halt_reaches_scans_and_writes_nothing_but_records(olorin: Run, platform: Platform) -> None:
    """In production too: what only reads is halted where it is recorded."""
    before = platform.olorin.list_collection_names()
    production = {"ENVIRONMENT": "production"}
    assert olorin("halt", "orphans.scan", "--why", "incident", of="runs", **production).returncode == 0
    refused = olorin("scan", "--json", **production)
    assert (refused.returncode, refused.stdout) == (8, "")
    assert "incident" in refused.stderr
    (halted,) = json.loads(olorin("list", "--json", of="runs").stdout)["halted"]
    assert (halted["kind"], halted["why"]) == ("orphans.scan", "incident")
    assert olorin("halt", "orphans.scan", "--lift", of="runs", **production).returncode == 0
    assert olorin("scan", **production).returncode == 0
    assert olorin("halt", "orphans.scan", "--lift", of="runs").returncode == 3
    assert (platform.olorin.list_collection_names(), platform.bayit.list_collection_names()) == (before, ["content"])


def test_scan_as_json(olorin: Run) -> None:
    done = olorin("scan", "--json")
    answer = json.loads(done.stdout)
    dubbing = answer["collections"][2]
    assert (done.returncode, list(answer), answer["complete"]) == (0, ["collections", "complete"], True)
    assert all(list(each) == KEYS for each in answer["collections"])
    assert {key: dubbing[key] for key in KEYS[:12]} == {
        "name": "dubbing_sessions",
        "field": "partner_id",
        "parent": "integration_partners",
        "documents": 6,
        "orphans": 3,
        "missing_parents": 2,
        "soft_deleted": 0,
        "suspended": 1,
        "malformed": 1,
        "exempt": 0,
        "in_grace": 3,
        "removable": 0,
    }


def test_a_scan_of_the_demo_finds_what_was_planted(demo_env: dict[str, str], tmp_path: Path) -> None:
    """The seeds say in the demo's own file how many of each kind they planted."""
    environment = {"PATH": "/usr/bin", **demo_env, "OLORIN_CONSOLE_STATE": str(tmp_path)}
    command = [sys.executable, "-m", "console", "orphans", "scan", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    found = {
        f"{kind}.{each['name']}.{each['field']}": each[kind]
        for each in json.loads(done.stdout)["collections"]
        for kind in ("orphans", "soft_deleted", "suspended", "malformed")
    }
    planted = {name: int(count) for name, count in PLANTED.findall(Path(demo_env["OLORIN_DEMO_ENV_FILE"]).read_text())}
    assert {name: planted.get(name, 0) for name in found} == found
    assert sum(planted.get(name, 0) for name in found) > 20


def test_scan_as_text_says_the_same(olorin: Run) -> None:
    done = olorin("scan")
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("dubbing_sessions"))
    assert row[:12] == [
        "dubbing_sessions",
        "partner_id",
        "integration_partners",
        "6",
        "3",
        "2",
        "0",
        "1",
        "1",
        "0",
        "3",
        "0",
    ]
    assert "done: 3 orphans, 0 of 7 references unknown" in done.stderr


def test_what_cannot_be_judged_is_null_and_said(olorin: Run, platform: Platform) -> None:
    platform.bayit.contents.insert_one({"_id": ObjectId()})
    platform.bayit.content.delete_many({})
    platform.olorin.content_embeddings.insert_one({"content_id": str(ObjectId())})
    done = olorin("scan", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["complete"], answer["collections"][0]["orphans"]) == (3, False, None)
    assert "BAYIT_CONTENT_COLLECTION" in done.stderr
    for form in (["--json"], ["--format", "csv"]):
        listed = olorin("list", *form)
        assert (listed.returncode, "content_embeddings.content_id: content is empty" in listed.stderr) == (3, True)
    assert olorin("list", "--collection", "dubbing_sessions").returncode == 0


def test_list_pages_with_a_cursor(olorin: Run) -> None:
    items: list[dict[str, Any]] = []
    cursor: list[str] = []
    for _ in range(10):
        answer = json.loads(olorin("list", "--limit", "1", "--json", *cursor).stdout)
        items += answer["items"]
        if answer["next"] is None:
            break
        cursor = ["--after", answer["next"]]
    assert [(each["parent_id"], each["documents"], each["state"]) for each in items] == [
        ("␛[2Jlost[/]", 1, "gone"),
        ("gone", 2, "gone"),
        ("idle", 1, "suspended"),
        ('{"$numberInt": "7"}', 1, "malformed"),
    ]
    assert list(items[0]) == ["collection", "field", "parent_id", "documents", "bytes", "first_seen", "state"]


def test_list_as_text(olorin: Run) -> None:
    done = olorin("list", "--collection", "dubbing_sessions", "--limit", "2")
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[2].split()[:4] == ["dubbing_sessions", "partner_id", "gone", "2"]
    assert "--after" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--collection", "users"],
        ["list", "--limit", "0"],
        ["list", "--after", "?"],
        ["list", "--sort", "name"],
        ["scan", "--execute"],
    ],
)
def test_wrong_arguments_are_usage_errors(olorin: Run, arguments: list[str]) -> None:
    assert olorin(*arguments).returncode == 4


def test_a_cursor_of_another_parent_collection_is_a_usage_error(olorin: Run, platform: Platform) -> None:
    platform.olorin.content_embeddings.insert_many([{"content_id": str(ObjectId())} for _ in range(2)])
    cursor = json.loads(olorin("list", "--limit", "1", "--json").stdout)["next"]
    assert olorin("list", "--after", cursor).returncode == 0
    assert olorin("list", "--after", cursor, BAYIT_CONTENT_COLLECTION="contents").returncode == 4


@pytest.mark.parametrize("url", ["mongodb://ops:sesame99@127.0.0.1:99999/", "mongodb://ops:sesame99@[::1"])
def test_a_url_that_leads_nowhere_is_told_with_where_and_what_to_do(olorin: Run, url: str) -> None:
    done = olorin("scan", "--json", MONGODB_URI=url)
    assert (done.returncode, done.stdout) == (6, "")
    assert "sesame99" not in done.stderr
    assert "MONGODB_URI" in done.stderr


def test_nothing_configured_is_told(olorin: Run) -> None:
    done = olorin("scan", MONGODB_URI="")
    assert done.returncode == 3
    assert "MONGODB_URI" in done.stderr


def test_list_as_csv_holds_every_parent(olorin: Run) -> None:
    done = olorin("list", "--format", "csv", "--contains", "o")
    head, *rows = done.stdout.splitlines()
    assert head.startswith("collection,field,parent_id,state")
    assert [row.split(",")[2] for row in rows] == ["␛[2Jlost[/]", "gone"]
    assert "2 parents" in done.stderr


def test_list_sorted_by_documents(olorin: Run) -> None:
    first = json.loads(olorin("list", "--sort", "documents", "--limit", "1", "--json").stdout)
    rest = json.loads(olorin("list", "--sort", "documents", "--json", "--after", first["next"]).stdout)
    assert [each["documents"] for each in first["items"] + rest["items"]] == [2, 1, 1, 1]
