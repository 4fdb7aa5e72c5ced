"""Both recoveries of the orphan document, carried out by running their pages' commands in their order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from backends.alerts.runbooks import RUNBOOKS
from console.demo.service import VECTOR_KEY
from tests.backends.orphans.cleaner import plant
from tests.model_endpoint import KEY, demo_endpoint
from tests.olorin import T0, Platform


def olorin(state: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": "/usr/bin", "OLORIN_CONSOLE_STATE": str(state), **environment}
    command = [sys.executable, "-m", "console", *arguments, "--json"]
    return subprocess.run(
        command, env=given, capture_output=True, text=True, check=False, timeout=90, stdin=subprocess.DEVNULL
    )


def follow(page: str, state: Path, environment: dict[str, str], **filled: str) -> list[dict[str, Any]]:
    """Runs the page's commands, the capitals filled in; each must say that it did its work."""
    answers = []
    for step in RUNBOOKS[page].steps:
        words = [filled.get(word, word) for word in step.command.split()]
        done = olorin(state, environment, *words)
        assert done.returncode == 0, (step.command, done.returncode, done.stderr)
        answers.append(json.loads(done.stdout.splitlines()[-1]) if done.stdout else {})
    return answers


def test_what_was_removed_by_mistake_comes_back(platform: Platform, tmp_path: Path) -> None:
    plant(platform)
    before = sorted(platform.olorin.content_embeddings.find({}), key=lambda each: str(each["_id"]))
    environment = dict(platform.environment())
    cleaned = olorin(tmp_path, environment, "orphans", "clean", "--execute", "--grace-days", "0")
    run_id = json.loads(cleaned.stdout.splitlines()[-1])["run_id"]
    assert platform.olorin.content_embeddings.count_documents({}) == len(before) - 30
    halted, restored, verified, _ = follow("accidental-cleanup", tmp_path, environment, RUN_ID=run_id)
    assert halted
    assert restored["counts"]["restored"] == 30
    assert verified["state"] == "ok"
    assert sorted(platform.olorin.content_embeddings.find({}), key=lambda each: str(each["_id"])) == before
    again = olorin(tmp_path, environment, "orphans", "clean", "--execute", "--grace-days", "0")
    assert again.returncode == 0, "clean-ups may start again"


def test_content_that_came_back_after_a_clean_up_is_indexed_again(platform: Platform, tmp_path: Path) -> None:
    _, (content, *_) = plant(platform)
    mine = {"content_id": str(content)}
    cleaned = olorin(tmp_path, dict(platform.environment()), "orphans", "clean", "--execute", "--grace-days", "0")
    assert cleaned.returncode == 0
    assert platform.olorin.content_embeddings.count_documents(mine) == 0
    platform.bayit.content.insert_one(
        {"_id": content, "title": "A lighthouse", "description": "What its keeper saw.", "created_at": T0}
    )
    with demo_endpoint(tmp_path / "endpoint") as url:
        environment = {
            **platform.environment(),
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": url,
            "PINECONE_API_KEY": VECTOR_KEY,
            "PINECONE_CONTROLLER_HOST": url.removesuffix("/v1"),
        }
        shown, _, proven = follow("content-restored", tmp_path, environment, ID=str(content))
    assert shown["embeddings"] == []
    assert proven["missing_rows"] == []
    assert {row["embedding_type"] for row in platform.olorin.content_embeddings.find(mine)} >= {"title", "description"}
