"""The console's own settings: what is merged, what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.settings import ConfigurationInvalid, Settings, load_settings, own_settings


@pytest.fixture(autouse=True)
def somewhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env` of this checkout and no variable of this machine is read."""
    monkeypatch.chdir(tmp_path)
    for name in ("ENVIRONMENT", "OLORIN_CONSOLE_REFRESH", "OLORIN_CONSOLE_STATE", "MONGODB_URI"):
        monkeypatch.delenv(name, raising=False)


def test_defaults() -> None:
    own = own_settings({})
    assert (own.refresh, own.content_collection, own.allow_writes, own.metrics_urls) == (2.0, "content", False, ())
    assert own.state.name == "olorin-console"


def test_the_process_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "eu.env"
    file.write_text("OLORIN_CONSOLE_REFRESH=5\nMONGODB_URI=mongodb://file/\n")
    monkeypatch.setenv("OLORIN_CONSOLE_REFRESH", "7")
    settings = load_settings(file)
    assert settings.own.refresh == 7
    assert settings.environment["MONGODB_URI"] == "mongodb://file/"
    assert settings.profile == "eu"


def test_a_dotenv_file_of_this_folder_is_read_where_none_is_named(tmp_path: Path) -> None:
    assert load_settings(None).env_file is None
    (tmp_path / ".env").write_text("ENVIRONMENT=staging\n")
    assert load_settings(None).kind == "staging"


DOTENV_TEXTS = {
    "byte order mark": "\ufeffOLORIN_CONSOLE_REFRESH=5",
    "export, quotes, CRLF": "export OLORIN_CONSOLE_REFRESH='5'\r\n",
    "a line of a megabyte": f'OLORIN_CONSOLE_REFRESH="5"\nX={"y" * 10**6}',
}


@pytest.mark.parametrize("text", DOTENV_TEXTS.values(), ids=DOTENV_TEXTS)
def test_dotenv_files_as_editors_leave_them(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.env"
    file.write_bytes(text.encode())
    assert load_settings(file).own.refresh == 5


@pytest.mark.parametrize(
    "make",
    [Path.mkdir, lambda path: path.write_bytes(b"A=\xff\xfe\x00"), lambda path: None],
    ids=["folder", "not text", "missing"],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, make: object) -> None:
    file = tmp_path / "x.env"
    make(file)  # type: ignore[operator]
    with pytest.raises(ConfigurationInvalid, match=r"x\.env can't be read"):
        load_settings(file)


def test_an_empty_variable_is_not_set() -> None:
    assert own_settings({"OLORIN_CONSOLE_REFRESH": " ", "CHUNKS_DATABASE_URL": ""}).refresh == 2.0


def test_a_postgres_may_be_on_several_hosts() -> None:
    url = "postgresql://ops:p@db1:5433,[::1],db2:5434/bots?target_session_attrs=primary"
    assert own_settings({"ORCHESTRATION_DATABASE_URL": url}).orchestration_database_url == url
    with pytest.raises(ConfigurationInvalid, match="ORCHESTRATION_DATABASE_URL"):
        own_settings({"ORCHESTRATION_DATABASE_URL": "postgresql://ops:p@db1:5433,db2:port/bots"})


def test_metrics_urls_are_a_list() -> None:
    assert own_settings({"METRICS_URLS": "http://a/m, https://b/m,"}).metrics_urls == ("http://a/m", "https://b/m")


@pytest.mark.parametrize(
    ("kind", "production"),
    [("Production", True), ("prod-eu", True), ("", False), ("Development", False), ("staging", False)],
)
def test_what_is_not_plainly_something_else_is_production(kind: str, production: bool) -> None:
    settings = Settings({"ENVIRONMENT": kind}, None, own_settings({}))
    assert settings.production is production
