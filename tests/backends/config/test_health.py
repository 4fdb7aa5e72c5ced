"""What is shown of a configuration: every setting once, its candidates in order, its findings, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.config.catalogue import specs
from backends.config.env_file import read_env_file
from backends.config.health import ODDITIES_SHOWN, report, take_snapshot, with_findings
from backends.config.model import Candidate, ConfigSnapshot, Finding, Setting, Status
from backends.config.rules import summary
from backends.config.rules_needed import MIGRATE_FIRST, SEPARATE
from backends.config.sources import Sources
from backends.safety.secrets import fingerprint, masked
from backends.sampling.jsonable import to_json
from backends.sampling.state import State
from tests.backends.config.configurations import HEALTHY, SALT


def snapshot_of(process: dict[str, str], file: Path | None = None, **problems: str) -> ConfigSnapshot:
    return take_snapshot(Sources(process, read_env_file(file, process) if file else None), problems)


def setting(snapshot: ConfigSnapshot, id_: str) -> Setting:
    return next(each for each in snapshot.settings if each.id == id_)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "eu.env"


def test_every_field_is_listed_once() -> None:
    snapshot = snapshot_of({})
    ids = [each.id for each in snapshot.settings]
    assert ids == [spec.id for spec in specs()]
    assert len(ids) == len(set(ids)) == 170
    assert "olorin.partner.api_key_salt" in ids


def test_candidates_the_winner_first(file: Path) -> None:
    file.write_text("\nPARTNER_DEFAULT_RATE_LIMIT_RPM=70\nPARTNER_DEFAULT_RATE_LIMIT_RPM=80\n")
    found = setting(
        snapshot_of({"PARTNER_DEFAULT_RATE_LIMIT_RPM": "90"}, file), "olorin.partner.default_rate_limit_rpm"
    )
    name = "PARTNER_DEFAULT_RATE_LIMIT_RPM"
    assert found.candidates == (
        Candidate("environment", 0, name, "90", True),
        Candidate(str(file), 3, name, "80", False),
        Candidate(str(file), 2, name, "70", False),
        Candidate("default", 0, name, "60", False),
    )
    assert (found.value, found.source) == ("90", "environment")


def test_the_source_of_a_file_has_its_line(file: Path) -> None:
    file.write_text("# one\nexport RECAP_SUMMARY_MAX_TOKENS='100'\n")
    found = setting(snapshot_of({}, file), "olorin.recap.summary_max_tokens")
    assert (found.value, found.source) == ("100", f"{file}:2")


def test_the_new_name_wins_over_the_old_one_wherever_it_stands(file: Path) -> None:
    file.write_text("MONGODB_URI=mongodb://new/\n")
    found = setting(snapshot_of({"MONGODB_URL": "mongodb://old/"}, file), "platform.mongodb_uri")
    assert [each.value for each in found.candidates] == ["mongodb://new/", "mongodb://old/"]
    assert found.status is Status.FAIL


def test_an_empty_variable_of_the_consoles_own_is_not_set() -> None:
    snapshot = snapshot_of({"OLORIN_CONSOLE_REFRESH": " ", "RECAP_SUMMARY_MAX_TOKENS": ""})
    assert setting(snapshot, "console.olorin_console_refresh").source == "default"
    assert setting(snapshot, "olorin.recap.summary_max_tokens").status is Status.FAIL


def test_secrets_are_shown_by_length_and_fingerprint() -> None:
    snapshot = snapshot_of({"PARTNER_API_KEY_SALT": SALT, "MONGODB_URI": "mongodb://ops:hunter22@db/"})
    assert setting(snapshot, "olorin.partner.api_key_salt").value == masked(SALT)
    assert setting(snapshot, "platform.mongodb_uri").value == f"mongodb://ops:••••@db/ (#{fingerprint('hunter22')})"
    assert SALT not in to_json(snapshot)
    assert "hunter22" not in to_json(snapshot)


def test_the_report_counts_what_it_lists() -> None:
    result = report(snapshot_of({"OLORIN_DUBING_ENABLED": "true", "SECRET_KEY": SALT}))
    statuses = [check.status for check in result.checks]
    assert (result.summary.ok, result.summary.warn, result.summary.fail) == tuple(map(statuses.count, Status))
    assert result.status is Status.FAIL
    assert len({check.id for check in result.checks}) == len(result.checks)


def test_one_entry_an_id_with_its_worst_status() -> None:
    snapshot = snapshot_of({**HEALTHY, "MONGODB_URI": "mongodb://localhost/"})
    [check] = [each for each in report(snapshot).checks if each.id == "platform.mongodb_uri"]
    assert len(setting(snapshot, "platform.mongodb_uri").findings) == 3
    assert (check.status, check.source) == (Status.FAIL, "environment")


def test_an_entry_tells_everything_with_all_that_is_to_paste() -> None:
    found = report(snapshot_of({**HEALTHY, "MONGODB_URI": "mongodb://db1,127.0.0.1:27018/"}))
    [entry] = [each for each in found.checks if each.id == "platform.mongodb_uri"]
    assert entry.status is Status.FAIL
    assert [word in entry.message for word in ("names this machine", "TLS", "appName")] == [True] * 3
    assert len(entry.remedy.splitlines()) == 3


def test_an_empty_variable_of_the_process_hides_the_files_line(file: Path) -> None:
    file.write_text("OPENAI_TIMEOUT=20\n")
    found = setting(snapshot_of({"OPENAI_TIMEOUT": ""}, file), "drafting.openai_timeout")
    assert (found.value, found.source, found.findings) == ("90", "default", ())
    assert [each.wins for each in found.candidates] == [False, False, True]


def test_the_process_wins_however_its_variable_is_spelled(file: Path) -> None:
    file.write_text("RECAP_SUMMARY_MAX_TOKENS=200\n")
    found = setting(snapshot_of({"recap_summary_max_tokens": "100"}, file), "olorin.recap.summary_max_tokens")
    assert (found.value, found.source) == ("100", "environment")


def test_a_healthy_configuration_is_ok() -> None:
    snapshot = snapshot_of(dict(HEALTHY))
    assert report(snapshot).status is Status.OK
    assert summary(snapshot).state is State.OK
    assert {flag.id for flag in snapshot.flags if flag.safe is not True} == {SEPARATE}
    assert all(flag.safe is None for flag in snapshot.flags if flag.id == SEPARATE)


def test_the_summary_names_the_worst() -> None:
    told = summary(snapshot_of({**HEALTHY, "PARTNER_API_KEY_SALT": "short", "OLORIN_DUBING_ENABLED": "1"}))
    assert told.state is State.CRITICAL
    assert told.headline == "PARTNER_API_KEY_SALT must have at least 32 characters (and 1 more)"


@pytest.mark.parametrize(
    ("process", "state"),
    [
        ({}, State.NOT_CONFIGURED),
        ({"OPENAI_API_KEY": "sk-0123456789", "ENVIRONMENT": "staging"}, State.OK),
        ({"OPENAI_API_KEY": "sk-0123456789", "CACHE_TTL": "x"}, State.CRITICAL),
        ({"MONGODB_DB_NAME": "bayit_plus"}, State.CRITICAL),
    ],
)
def test_the_platform_misses_nothing_where_it_is_not_configured(process: dict[str, str], state: State) -> None:
    assert summary(snapshot_of(process)).state is state


def test_unknown_names_with_the_nearest_known_one(file: Path) -> None:
    file.write_text("OLORIN_DUBING_ENABLED=true\nPARTNER_Q=1\nRECAP_MAX_CONTEXT_TOKENS=2000\nОLORIN_RECAP_ENABLED=1\n")
    process = {"recap_window_default_minutes": "3", "olorin_recap_enabled": "true", "PATH": "/bin"}
    found = {each.name: each.nearest for each in snapshot_of(process, file).unknown}
    assert found == {
        "OLORIN_DUBING_ENABLED": "OLORIN_DUBBING_ENABLED",
        "PARTNER_Q": "",
        "olorin_recap_enabled": "OLORIN_RECAP_ENABLED",
        "ОLORIN_RECAP_ENABLED": "OLORIN_RECAP_ENABLED",
    }


def test_old_names_are_listed(file: Path) -> None:
    file.write_text("MONGODB_URL=mongodb://db/\n")
    [old] = snapshot_of({}, file).deprecated
    assert (old.name, old.replacement, old.source) == ("MONGODB_URL", "MONGODB_URI", f"{file}:1")


def test_a_malformed_variable_of_the_consoles_own_is_a_finding() -> None:
    snapshot = snapshot_of({"OLORIN_CONSOLE_REFRESH": "0"}, OLORIN_CONSOLE_REFRESH="it must be more")
    found = setting(snapshot, "console.olorin_console_refresh")
    assert (found.status, found.findings[0].remedy) == (Status.FAIL, "OLORIN_CONSOLE_REFRESH=2")


def test_oddities_of_a_file_are_checks_with_their_line(file: Path) -> None:
    file.write_text('GCP_PROJECT_ID="open\n')
    checks = {check.id: check for check in report(snapshot_of({}, file)).checks}
    assert checks["env_file.line_1"].status is Status.FAIL
    assert checks["env_file.line_1"].message.startswith(f"{file}:1: can't be parsed")


def test_a_file_of_another_kind_does_not_fill_the_report(file: Path) -> None:
    file.write_text("no equals sign\n" * 5_000)
    snapshot = snapshot_of({}, file)
    assert len(snapshot.others) == ODDITIES_SHOWN + 1
    assert "4,900 more" in snapshot.others[-1].message


def test_the_answers_of_servers_join_what_they_are_about() -> None:
    answers = (
        Finding("servers.model", "server answers", Status.WARN, "no answer; password=hunter22"),
        Finding(SEPARATE, MIGRATE_FIRST, Status.OK, "the database is empty"),
    )
    before = snapshot_of({**HEALTHY, "OLORIN_USE_SEPARATE_DATABASE": "false", "OLORIN_MONGODB_URL": ""})
    after = with_findings(before, answers)
    [flag] = [each for each in after.flags if each.id == SEPARATE]
    assert flag.safe is False
    [server] = [each for each in report(after).checks if each.id == "servers.model"]
    assert (server.group, server.status, server.message) == ("servers", Status.WARN, "no answer; password=••••")


def test_what_changed_since_the_start_is_marked() -> None:
    sources = Sources({"GCP_PROJECT_ID": "new", "FRONTEND_URL": "https://same.example"})
    snapshot = take_snapshot(sources, {}, started={"GCP_PROJECT_ID": "old", "FRONTEND_URL": "https://same.example"})
    assert [each.id for each in snapshot.settings if each.changed_since_start] == ["platform.gcp_project_id"]


@pytest.mark.parametrize("value", ["\x1b]52;c;x\x07", "[@click=app.quit]x[/]", "a\u202eb", "x" * 1_000_000])
def test_values_are_safe_to_show(value: str) -> None:
    shown = setting(snapshot_of({"PINECONE_INDEX_NAME": value}), "olorin.pinecone.index_name").value
    assert len(shown) < 600
    assert not set(shown) & {"\x1b", "\x07", "\u202e"}
