"""`.env.example` says what the settings classes say."""

from __future__ import annotations

from pathlib import Path

from backends.config.catalogue import specs
from backends.config.env_file import read_env_file
from backends.config.example import example
from backends.config.health import report, take_snapshot
from backends.config.model import Status
from backends.config.rules_needed import ALWAYS
from backends.config.sources import Sources

FILE = Path(__file__).resolve().parents[3] / ".env.example"


def test_the_file_is_up_to_date() -> None:
    assert FILE.read_text() == example(), "run: python -m backends.config.example > .env.example"


def test_every_variable_is_in_it_once_and_no_secret_has_a_value() -> None:
    lines = [line.lstrip("#") for line in example().splitlines() if "=" in line and not line.startswith("# ")]
    given = dict(line.split("=", 1) for line in lines)
    assert len(given) == len(lines)
    assert set(given) == {spec.name for spec in specs()}
    assert not [name for name, value in given.items() if value and any(s.secret for s in specs() if s.name == name)]


def test_a_copy_lacks_only_what_is_always_required(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(example())
    result = report(take_snapshot(Sources({}, read_env_file(file, {})), {}))
    assert {check.id for check in result.checks if check.status is not Status.OK} == set(ALWAYS)


def test_with_every_default_taken_nothing_is_malformed(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    taken = [
        line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in example().splitlines()
    ]
    file.write_text("\n".join(line for line in taken if not line.endswith("=")))
    result = report(take_snapshot(Sources({}, read_env_file(file, {})), {}))
    assert {check.id for check in result.checks if check.status is Status.FAIL} == set(ALWAYS)
