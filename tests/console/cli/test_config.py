"""`olorin config`, run as a person runs it: data on stdout, the verdict as exit code, and no secret anywhere."""

from __future__ import annotations

import asyncio
import functools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends.config.catalogue import specs
from tests.backends.config.audio_service import audio_service
from tests.backends.config.configurations import HEALTHY, SALT

ROOT = Path(__file__).resolve().parents[3]
Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]

CHECK_KEYS = ["id", "group", "status", "message", "remedy", "value", "source"]


@pytest.fixture
def olorin(tmp_path: Path) -> Run:
    """Runs `olorin` in a folder of its own, with these variables and no others."""

    def run(*arguments: str, **variables: str) -> Done:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **variables}
        command = [sys.executable, "-m", "console", *arguments]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def checks_of(done: Done) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in json.loads(done.stdout)["checks"]}


def test_the_shape_of_check(olorin: Run) -> None:
    done = olorin("config", "check", "--json", MONGODB_URL="", OLORIN_DUBING_ENABLED="true")
    answer = json.loads(done.stdout)
    assert list(answer) == ["environment", "status", "summary", "checks", "deprecated", "unknown"]
    assert list(answer["summary"]) == ["ok", "warn", "fail"]
    assert all(list(check) == CHECK_KEYS for check in answer["checks"])
    assert {check["status"] for check in answer["checks"]} <= {"ok", "warn", "fail"}
    assert (answer["environment"], answer["status"], done.returncode) == ("development", "fail", 5)
    assert answer["unknown"][0]["nearest"] == "OLORIN_DUBBING_ENABLED"
    assert sum(answer["summary"].values()) == len(answer["checks"]) == len(checks_of(done))


def test_exit_codes(olorin: Run) -> None:
    healthy = dict(HEALTHY)
    assert olorin("config", "check", "--offline", **healthy).returncode == 0
    assert olorin("config", "check", "--offline", **healthy, PARTNER_Q="1").returncode == 1
    assert olorin("config", "check", "--offline", **{**healthy, "SECRET_KEY": ""}).returncode == 5


def test_the_founding_documents_example(olorin: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "OLORIN_DUBBING_ENABLED=true\nOLORIN_SEMANTIC_SEARCH_ENABLED=true\nPARTNER_API_KEY_SALT=<32+ character salt>\n"
        "PINECONE_API_KEY=<your-api-key>\nPINECONE_ENVIRONMENT=us-east-1\nPINECONE_INDEX_NAME=olorin-embeddings\n"
        "OLORIN_USE_SEPARATE_DATABASE=true\nOLORIN_MONGODB_DB_NAME=olorin_platform\n"
        "OLORIN_MONGODB_URL=mongodb+srv://olorin:password@cluster.mongodb.net/\n"
    )
    checks = checks_of(olorin("config", "check", "--offline", "--json"))
    status = {id_: check["status"] for id_, check in checks.items() if check["status"] != "ok"}
    assert status["olorin.partner.api_key_salt"] == "fail"
    assert status["platform.elevenlabs_api_key"] == status["platform.openai_api_key"] == "fail"
    assert status["olorin.pinecone.api_key"] == "warn"
    assert checks["olorin.pinecone.index_name"]["value"] == "olorin-embeddings"
    assert checks["olorin.pinecone.index_name"]["source"] == ".env:6"


def test_show_lists_every_field(olorin: Run) -> None:
    done = olorin("config", "show", "--json", PARTNER_API_KEY_SALT=SALT)
    settings = {each["id"]: each for each in json.loads(done.stdout)["settings"]}
    assert set(settings) == {spec.id for spec in specs()}
    salt = settings["olorin.partner.api_key_salt"]
    assert salt["value"].startswith("•••• (36 characters, #")
    assert [each["wins"] for each in salt["candidates"]] == [True]
    assert done.returncode == 0


def test_show_as_text_is_the_same_as_a_table(olorin: Run) -> None:
    lines = olorin("config", "show", PINECONE_INDEX_NAME="mine").stdout.splitlines()
    assert len(lines) == len(specs()) + 1
    assert any(
        line.split()[1:] == ["ok", "PineconeConfig", "PINECONE_INDEX_NAME", "mine", "environment"] for line in lines
    )


def test_diff(olorin: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.env"
    other.write_text(f"GCP_PROJECT_ID=there\nSECRET_KEY={SALT}\n")
    done = olorin("config", "diff", str(other), "--json", GCP_PROJECT_ID="here")
    found = {each["name"]: each for each in json.loads(done.stdout)["differences"]}
    assert (done.returncode, set(found)) == (1, {"GCP_PROJECT_ID", "SECRET_KEY"})
    assert (found["GCP_PROJECT_ID"]["here"], found["GCP_PROJECT_ID"]["there"]) == ("here", "there")
    assert olorin("config", "diff", str(other), GCP_PROJECT_ID="there", SECRET_KEY=SALT).returncode == 0
    gone = olorin("config", "diff", "gone.env")
    assert (gone.returncode, gone.stdout) == (5, "")
    assert "gone.env can't be read" in gone.stderr


FILES: dict[str, bytes | None] = {
    "missing": None,
    "not text": b"A=\xff",
    "byte order mark and crlf": b"\xef\xbb\xbfGCP_PROJECT_ID=x\r\n",
    "open quote": b'GCP_PROJECT_ID="x\n',
    "a megabyte": b"GCP_PROJECT_ID=" + b"x" * 1_000_000,
    "duplicate": b"GCP_PROJECT_ID=x\nGCP_PROJECT_ID=y\n",
}


@pytest.mark.parametrize("name", FILES)
def test_odd_files_are_findings_and_never_a_traceback(name: str, olorin: Run, tmp_path: Path) -> None:
    file, data = tmp_path / "odd.env", FILES[name]
    if data is not None:
        file.write_bytes(data)
    done = olorin("--env-file", "odd.env", "config", "check", "--json")
    noted = [each for id_, each in checks_of(done).items() if id_.startswith("env_file") and each["status"] != "ok"]
    assert noted
    assert all(each["message"].startswith("odd.env") for each in noted)
    assert (done.returncode, done.stderr) == (5, "")


def test_a_folder_is_a_finding(olorin: Run) -> None:
    done = olorin("--env-file", ".", "config", "check", "--json")
    assert checks_of(done)["env_file"]["message"] == ".: can't be read: it is a directory"
    assert done.returncode == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OLORIN_CONSOLE_REFRESH", "often"),
        ("OLORIN_CONSOLE_ALLOW_WRITES", "perhaps"),
        ("WHISPER_URL", "ftp://x"),
        ("CHUNKS_DATABASE_URL", "postgresql://ops:hunter22"),
        ("OLORIN_CONSOLE_STATE", "~nobody-of-this-name/x"),
    ],
)
def test_a_malformed_variable_of_the_consoles_own_is_a_finding(name: str, value: str, olorin: Run) -> None:
    done = olorin("config", "check", "--json", **{name: value})
    check = checks_of(done)[f"console.{name.lower()}"]
    assert (check["status"], done.returncode, done.stderr) == ("fail", 5, "")
    assert "hunter22" not in done.stdout


def test_servers_that_are_gone_are_warnings(olorin: Run) -> None:
    gone = {
        "MONGODB_URI": "mongodb://ops:hunter22@127.0.0.1:1/?appName=x",
        "CHUNKS_DATABASE_URL": "postgresql://ops:hunter22@127.0.0.1:1/chunks",
        "ORCHESTRATION_DATABASE_URL": "",
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
        "OLORIN_USE_SEPARATE_DATABASE": "false",
        "OLORIN_MONGODB_URL": "",
        "ENVIRONMENT": "staging",
    }
    done = olorin("config", "check", "--json", **{**HEALTHY, **gone})
    status = {id_: each["status"] for id_, each in checks_of(done).items() if each["status"] != "ok"}
    assert status == {
        "servers.mongo.main": "warn",
        "servers.postgres.chunks": "warn",
        "servers.model": "warn",
    }
    assert (done.returncode, done.stderr) == (1, "")
    assert "hunter22" not in done.stdout


def test_a_server_that_answers(olorin: Run, mongo_url: str, mongo_database: str) -> None:
    done = olorin("config", "check", "--json", MONGODB_URI=mongo_url, MONGODB_DB_NAME=mongo_database)
    assert checks_of(done)["servers.mongo.main"]["status"] == "ok"


CANARY = "c4n4ry"
SECRET_NAMES = sorted({spec.name for spec in specs() if spec.secret})
URL_NAMES = sorted(
    {spec.name for spec in specs() if spec.kind == "text" and ("URL" in spec.name or "URI" in spec.name)}
)
URLS = (
    "mongodb://ops:{}@127.0.0.1:1/x",
    "mongodb://ops:{}/{}@127.0.0.1:1/x",
    "mongodb://ops:{}",
    "postgresql://ops:{}@127.0.0.1:1/x?password={}",
    "http://127.0.0.1:1/?token={}",
    "http://{}@127.0.0.1:1/",
    "http://ops:{}@127.0.0.1:1/",
)


COMMANDS = ("check", "check --json", "show", "show --json", "diff other.env")
PLANTED = [(command, URLS[0]) for command in COMMANDS] + [("check --json", url) for url in URLS[1:]]


@pytest.mark.parametrize(("command", "url"), PLANTED)
def test_no_secret_is_in_any_output(command: str, url: str, olorin: Run, tmp_path: Path) -> None:
    planted = {name: f"{CANARY}-{place}-of-the-test" for place, name in enumerate(SECRET_NAMES)}
    planted |= {name: url.format(*[f"{CANARY}-in-url-{place}"] * 2) for place, name in enumerate(URL_NAMES)}
    planted |= {"MONGODB_URL": f"mongodb://ops:{CANARY}-of-the-old-name@127.0.0.1:1/"}
    planted |= {"PARTNER_API_KEY_SLAT": f"{CANARY}-of-a-misspelt-name"}
    lines = [f"{name}={value}-in-the-file" for name, value in planted.items()]
    (tmp_path / ".env").write_text("\n".join([*lines, f"{CANARY}-on-a-line-of-its-own", f'X="{CANARY}-unclosed', ""]))
    (tmp_path / "other.env").write_text("\n".join(lines) + "\n")
    done = olorin("config", *command.split(), **planted)
    assert done.stdout
    assert CANARY not in done.stdout + done.stderr
    assert not [path for path in tmp_path.rglob("report-*") if CANARY in path.read_text()]


async def test_sync_shows_the_drift_and_ends_it(olorin: Run, tmp_path: Path) -> None:
    async with audio_service(chunk_duration=4.5) as service:
        shared = {"ORCHESTRATION_URL": service.url, "ENVIRONMENT": "production"}
        run = functools.partial(asyncio.to_thread, olorin, "config", "sync", "--json", **shared)
        drifted = await run()
        assert (drifted.returncode, json.loads(drifted.stdout)["state"]) == (1, "drift_detected")
        refused = await asyncio.to_thread(olorin, "config", "sync", "--push", **shared)
        assert (refused.returncode, service.sent) == (8, [])
        pushed = await asyncio.to_thread(
            olorin, "config", "sync", "--push", "--confirm", "production", "--json", **shared
        )
        assert (pushed.returncode, service.sent) == (0, [{"chunk_duration": 3.0}])
        assert json.loads(pushed.stdout)["changed"] == [{"field": "chunk_duration", "before": 4.5, "after": 3.0}]
        assert (await run()).returncode == 0
