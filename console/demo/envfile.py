"""The demo's dotenv file: every variable that the console needs, what was planted, and which processes run."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from console.demo.seeding import Fault
from console.demo.service import VECTOR_KEY

MODE: Final = 0o600

HEADER: Final = "# The environment of a running `olorin demo`: olorin --env-file THIS_FILE config check"

CONSTANT: Final = {
    "ENVIRONMENT": "development",
    "MONGODB_DB_NAME": "bayit_plus",
    "OLORIN_USE_SEPARATE_DATABASE": "true",
    "OLORIN_MONGODB_DB_NAME": "olorin_platform",
    "BAYIT_CONTENT_COLLECTION": "content",
    "OLORIN_DUBBING_ENABLED": "true",
    "OLORIN_SEMANTIC_SEARCH_ENABLED": "true",
    "OLORIN_RECAP_ENABLED": "false",
    "OLORIN_DUBING_ENABLED": "true",
    "OLORIN_DEFAULT_CONTENT_LANGUAGE": "he",
    "PARTNER_API_KEY_SALT": "too-short-a-salt",
    "PARTNER_DEFAULT_RATE_LIMIT_RPM": "90",
    "PINECONE_API_KEY": VECTOR_KEY,
    "PINECONE_ENVIRONMENT": "us-east-1",
    "PINECONE_INDEX_NAME": "olorin-embeddings",
    "EMBEDDING_MODEL": "text-embedding-3-small",
    "DUBBING_MAX_CONCURRENT_SESSIONS": "40",
    "ELEVENLABS_API_KEY": "el_demo_7d3f0c9a5e",
    "ANTHROPIC_API_KEY": "sk-ant-demo-4f1c2a",
    "SECRET_KEY": "demo-secret-key-of-more-than-32-characters",
    "GCP_PROJECT_ID": "bayit-demo",
    "FRONTEND_URL": "http://127.0.0.1:5173",
    "BACKEND_CORS_ORIGINS": '["http://127.0.0.1:5173"]',
}
FAULTS: Final = (
    Fault("config.salt_too_short", 1, "PARTNER_API_KEY_SALT is set but shorter than 32 characters, features are on"),
    Fault("config.misspelt", 1, "OLORIN_DUBING_ENABLED is no setting; OLORIN_DUBBING_ENABLED is"),
    Fault("config.deprecated", 1, "MONGODB_URL, an alias with the same value as MONGODB_URI"),
    Fault("config.missing", 1, "FRONTEND_WEB_URL is always required and not set"),
    Fault("config.drift", 1, "the orchestration service cuts chunks of 4 s, our settings say 3 s"),
)
FOREIGN: Final = (
    "OLORIN_", "PARTNER_", "PINECONE_", "EMBEDDING_", "DUBBING_", "RECAP_", "CULTURAL_", "METERING_", "RESILIENCE_",
    "LIBRARIAN_", "INFRA_", "THIRDPARTY_", "COST_",
)  # fmt: skip
"""Prefixes of the platform's variables: what a shell has set of them is about another platform."""
FOREIGN_NAMES: Final = ("FRONTEND_WEB_URL", "ADMIN_API_KEY", "OPENAI_ORGANIZATION", "OPENAI_PROJECT", "OPENAI_ORG_ID")
OWN_CHOICES: Final = ("OLORIN_CONSOLE_",)
"""Variables of the console's own, which a person may set for the demo too."""


def console_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The process environment for a console on the demo: nothing of the caller's platform shines through."""
    chosen = {name: value for name, value in os.environ.items() if name.startswith(OWN_CHOICES)}
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(FOREIGN) and name not in FOREIGN_NAMES
    }
    return {**inherited, **variables, **chosen}


def forget(path: Path) -> None:
    """Remove the file of an earlier demo, so that whoever waits for it waits for ours."""
    with suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8").startswith(HEADER):
            path.unlink()


def write(path: Path, variables: Mapping[str, str], faults: Iterable[Fault], pids: Mapping[str, int]) -> None:
    """Write the file whole or not at all, readable by its owner only. Raises OSError."""
    lines = [HEADER]
    lines += [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    lines += [f"# planted: {fault.name} = {fault.count}  {fault.explanation}" for fault in faults]
    lines += [f"# pid: {name} = {pid}" for name, pid in pids.items()]
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=MODE, exist_ok=False)
    unfinished.write_text("\n".join(lines) + "\n", encoding="utf-8")
    unfinished.replace(path)
