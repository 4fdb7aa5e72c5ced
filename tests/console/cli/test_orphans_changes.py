"""`olorin orphans clean | restore | verify | exempt` and `olorin content`, run as a person or cron runs them."""

import json
import re
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from backends.content.passages import vector_id
from tests.backends.orphans.cleaner import plant
from tests.olorin import T0, Platform

Run = Callable[..., "subprocess.CompletedProcess[str]"]
COUNTS = ("planned", "deleted", "quarantined", "reappeared", "skipped", "failed")
EVERYTHING = ("--grace-days", "0", "--json")


@pytest.fixture
def olorin(platform: Platform, tmp_path: Path) -> Run:
    """The command in a container: configured by the environment alone, without a terminal."""

    def run(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": "/usr/bin", "OLORIN_CONSOLE_STATE": str(tmp_path), **platform.environment(**more)}
        command = [sys.executable, "-m", "console", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL
        )

    return run


def last(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_plan_execute_verify_restore(olorin: Run, platform: Platform) -> None:
    plant(platform)
    done = olorin("orphans", "clean", "--dry-run", *EVERYTHING)
    plan = last(done)
    assert (done.returncode, plan["planned"], plan["refusals"]) == (0, 30, [])
    assert {each["name"]: each["planned"] for each in plan["references"]}["content_embeddings.content_id"] == 30
    assert platform.olorin.list_collection_names() == ["content_embeddings"]
    execute = ("orphans", "clean", "--execute", "--plan", plan["plan"][:12], "--json")
    refused = olorin(*execute, "--max", "5", "--grace-days", "0")
    assert (refused.returncode, "was made with another --max." in refused.stderr) == (8, True)
    done = olorin(*execute, "--grace-days", "0")
    verdict = last(done)
    assert (done.returncode, list(verdict)) == (0, ["run_id", "state", "why", "counts", "resume_cmd"])
    assert [verdict["counts"][name] for name in COUNTS] == [30, 30, 30, 0, 0, 0]
    done = olorin("orphans", "verify", "--json")
    assert (done.returncode, last(done)["state"], last(done)["collections"][0]["absent"]) == (0, "ok", 30)
    done = olorin("orphans", "restore", verdict["run_id"], "--json")
    counts = last(done)["counts"]
    assert done.returncode == 0
    assert [counts[name] for name in ("restored", "same", "conflict", "parent_missing")] == [30, 0, 0, 30]
    assert olorin("orphans", "verify", verdict["run_id"]).returncode == 0
    assert last(olorin("runs", "list", "--json"))["runs"][0]["kind"] == "orphans.restore"


def container_job(platform: Platform, state: Path) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of the README's job for a cloud scheduler, on the test's servers."""
    job = (Path(__file__).parents[3] / "README.md").read_text().partition("gcloud run jobs create")[2]
    (given,) = re.findall(r"--args (\S+)", job)
    (variables,) = re.findall(r"--set-env-vars (\S+)", job)
    (secret,) = re.findall(r"--set-secrets (\S+)", job)
    environment = dict(each.split("=") for each in variables.split(","))
    environment |= {each.partition("=")[0]: platform.url for each in secret.split(",")}
    names = {"MONGODB_DB_NAME": platform.bayit.name, "OLORIN_MONGODB_DB_NAME": platform.olorin.name}
    return given.split(","), {**environment, **names, "OLORIN_CONSOLE_STATE": str(state), "PATH": "/usr/bin"}


def age(state: Path, days: int) -> None:
    """Makes what was seen so many days older."""
    (history,) = (state / "orphans").glob("*.sqlite3")
    with closing(sqlite3.connect(history)) as connection, connection:
        connection.execute("UPDATE missing SET first_seen = first_seen - ?", (days * 86_400,))


def test_a_container_job_of_a_scheduler(olorin: Run, platform: Platform, tmp_path: Path) -> None:
    """The README's own: production, configured by the environment alone, limited in time, one verdict at the end."""
    plant(platform)
    arguments, environment = container_job(platform, tmp_path)

    def job(*without: str) -> "subprocess.CompletedProcess[str]":
        given = [each for each in arguments if each not in without]
        command = [sys.executable, "-m", "console", *given]
        return subprocess.run(
            command,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    first = job()
    assert (first.returncode, last(first)["counts"]["planned"]) == (0, 0)  # all of it is in its grace
    age(tmp_path, days=8)
    refused = job("--confirm", "production")
    assert (refused.returncode, platform.olorin.content_embeddings.count_documents({})) == (8, 90)
    done = job()
    assert (done.returncode, last(done)["state"], last(done)["counts"]["deleted"]) == (0, "done", 30)
    assert len(done.stdout.splitlines()) == 1
    late = job()
    assert (late.returncode, last(late)["counts"]["planned"]) == (0, 0)


def test_out_of_time_is_14_and_goes_on(olorin: Run, platform: Platform) -> None:
    """The limit is that of all that the command does: of its scan, then of what follows."""
    plant(platform)
    plan = last(olorin("orphans", "clean", "--dry-run", *EVERYTHING))["plan"]
    for given, counts in (((), {"orphans": 30}), (("--plan", plan), {"deleted": 30})):
        done = olorin("orphans", "clean", "--execute", "--max-minutes", "0", *EVERYTHING, *given)
        verdict = last(done)
        assert (done.returncode, verdict["state"], set(COUNTS) <= set(verdict["counts"])) == (14, "stopped", True)
        done = olorin(*verdict["resume_cmd"].split()[1:], "--json")
        assert (done.returncode, {name: last(done)["counts"][name] for name in counts}) == (0, counts)


def test_refusals_are_8(olorin: Run, platform: Platform) -> None:
    plant(platform, alive=10, gone=15)
    execute = ("orphans", "clean", "--execute", *EVERYTHING)
    refused = olorin(*execute)
    verdict = last(refused)
    assert (refused.returncode, list(verdict)) == (8, ["run_id", "state", "why", "counts", "resume_cmd"])
    assert (verdict["state"], "60 % of content_embeddings" in verdict["why"]) == ("not begun", True)
    assert "--confirm-share 60" in refused.stderr
    assert olorin(*execute, "--confirm-share", "61").returncode == 8
    assert olorin(*execute, OLORIN_USE_SEPARATE_DATABASE="false").returncode == 8
    away = {"MONGODB_URI": "mongodb://127.0.0.1:9/", "OLORIN_MONGODB_URL": platform.url}
    assert olorin(*execute, "--collection", "content_embeddings", **away).returncode == 8
    assert olorin("orphans", "clean", "--execute", "--plan", "0123456789ab").returncode == 8
    assert platform.olorin.content_embeddings.count_documents({}) == 75
    assert olorin(*execute, "--confirm-share", "60").returncode == 0


def test_what_is_skipped_is_10(olorin: Run, platform: Platform) -> None:
    _, missing = plant(platform)
    plan = last(olorin("orphans", "clean", "--dry-run", *EVERYTHING))["plan"]
    platform.olorin.content_embeddings.update_one({"content_id": str(missing[0])}, {"$set": {"new": 1}})
    platform.bayit.content.insert_one({"_id": missing[1]})
    done = olorin("orphans", "clean", "--execute", "--plan", plan, "--json")
    assert (done.returncode, [last(done)["counts"][name] for name in COUNTS]) == (10, [30, 26, 26, 3, 1, 0])
    why = {each["why"] for each in last(olorin("orphans", "verify", "--json"))["skipped"]}
    assert why == {"changed since the plan", "its parent is there again"}


def test_a_damaged_quarantine_is_11(olorin: Run, platform: Platform) -> None:
    plant(platform)
    run_id = last(olorin("orphans", "clean", "--execute", *EVERYTHING))["run_id"]
    platform.olorin[f"console_quarantine_{run_id}.content_embeddings"].delete_one({})
    done = olorin("orphans", "verify", "--json")
    assert (done.returncode, last(done)["state"]) == (11, "failed")


def test_exemptions_are_made_listed_and_ended(olorin: Run, platform: Platform) -> None:
    _, missing = plant(platform)
    why = ("--owner", "ops", "--reason", "kept \x1b[2J on purpose", "--collection", "content_embeddings", "--json")
    (made,) = last(olorin("orphans", "exempt", "--parent", str(missing[0]), "--expires-days", "30", *why))["exemptions"]
    assert (made["kind"], made["value"], made["reason"]) == ("parent", str(missing[0]), "kept ␛[2J on purpose")
    scanned = last(olorin("orphans", "scan", "--json"))["collections"][0]
    assert (scanned["orphans"], scanned["exempt"]) == (30, 3)
    assert last(olorin("orphans", "clean", "--dry-run", *EVERYTHING))["planned"] == 27
    assert last(olorin("orphans", "exempt", "--remove", made["id"], "--json")) == {"exemptions": []}
    assert olorin("orphans", "exempt", "--remove", made["id"]).returncode == 3
    bad = ("orphans", "exempt", "--collection", "content_embeddings", "--owner", "o", "--reason", "r")
    assert olorin(*bad, "--filter", '{"$where": "1"}').returncode == 8


@pytest.mark.parametrize(
    "arguments",
    [
        ["orphans", "clean"],
        ["orphans", "clean", "--dry-run", "--execute"],
        ["orphans", "clean", "--execute", "--grace-days", "31"],
        ["orphans", "clean", "--execute", "--max", "0"],
        ["orphans", "exempt"],
        ["orphans", "exempt", "--list", "--parent", "x"],
        ["orphans", "exempt", "--parent", "x"],
        ["orphans", "restore"],
        ["content", "show"],
        ["content", "show", "--content-id", "x"],
    ],
)
def test_wrong_arguments_are_usage_errors(olorin: Run, arguments: list[str]) -> None:
    assert olorin(*arguments).returncode == 4


def test_content_shown_undeleted_and_not_indexed(olorin: Run, platform: Platform) -> None:
    there, _ = plant(platform)
    platform.bayit.content.update_one({"_id": there[0]}, {"$set": {"deleted_at": T0}})
    named = ("--content-id", str(there[0]), "--json")
    shown = last(olorin("content", "show", *named))
    assert (shown["state"], len(shown["embeddings"])) == ("soft-deleted", 3)
    assert last(olorin("content", "undelete", *named)) == {"content_id": str(there[0]), "embeddings_saved": 3}
    done = olorin("content", "verify-indexed", *named)
    assert (done.returncode, last(done)["missing_rows"], last(done)["vectors"]) == (11, ["title"], None)
    row = {"content_id": str(there[0]), "pinecone_vector_id": vector_id(str(there[0]), "title", 0)}
    platform.olorin.content_embeddings.insert_one(row)
    done = olorin("content", "verify-indexed", *named)
    assert (done.returncode, last(done)["state"]) == (3, "unknown")  # every row is there, and no key of the vectors
    assert olorin("content", "embed", *named).returncode == 3  # no model is configured
    assert olorin("content", "verify-indexed", "--content-id", str(ObjectId())).returncode == 3


@pytest.fixture
def own_demo(demo_env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The demo with a copy of what is cleaned in databases of the test's own: the demo itself stays as it is."""
    own = f"_{secrets.token_hex(4)}"
    wanted = {
        "MONGODB_DB_NAME": ("content", "live_channels"),
        "OLORIN_MONGODB_DB_NAME": ("integration_partners", "recap_sessions", "content_embeddings"),
    }
    with MongoClient[RawBSONDocument](demo_env["MONGODB_URI"], document_class=RawBSONDocument) as client:
        for variable, collections in wanted.items():
            for name in collections:
                found = client[demo_env[variable]][name].find().to_list()
                client[demo_env[variable] + own][name].insert_many(found)
        yield {**demo_env, **{variable: demo_env[variable] + own for variable in wanted}}
        for variable in wanted:
            client.drop_database(demo_env[variable] + own)


def test_the_demo_cleans_and_embeds_what_came_back(own_demo: dict[str, str], tmp_path: Path) -> None:
    """What the README shows a newcomer, on the demo's own servers: a parent that came back is embedded again."""
    environment = {"PATH": "/usr/bin", **own_demo, "OLORIN_CONSOLE_STATE": str(tmp_path)}

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "console", *arguments, "--json"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    cleaned = run("orphans", "clean", "--execute", "--collection", "content_embeddings", "--grace-days", "0")
    assert cleaned.returncode in (0, 10), cleaned.stderr
    run_id = last(cleaned)["run_id"]
    with MongoClient[dict[str, Any]](own_demo["MONGODB_URI"]) as client:
        about = client[own_demo["OLORIN_MONGODB_DB_NAME"]][f"console_quarantine_{run_id}"]
        parent = next(each["parent"] for each in about.find({"field": "content_id"}) if each["parent"].islower())
        client[own_demo["MONGODB_DB_NAME"]].content.insert_one({"_id": ObjectId(parent), "title": "Back again"})
    assert last(run("orphans", "verify"))["to_index"] == [parent]
    assert run("content", "embed", "--content-id", parent).returncode == 0
    assert last(run("orphans", "verify"))["to_index"] == []
    assert run("content", "verify-indexed", "--content-id", parent).returncode == 0
