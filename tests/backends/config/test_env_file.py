"""Dotenv files as people and editors leave them: every oddity is told with its line, and no value ever is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from backends.config.env_file import EnvFile, read_env_file

SECRET = "c4n4ry-value-of-the-test"


def read(folder: Path, data: bytes | str, process: dict[str, str] | None = None) -> EnvFile:
    file = folder / "x.env"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_env_file(file, process or {})


ODD: dict[str, tuple[bytes, int, str, str]] = {
    "byte order mark": (b"\xef\xbb\xbfA=" + SECRET.encode(), 1, "warn", "byte order mark"),
    "crlf": (f"A=1\nB={SECRET}\r\n".encode(), 2, "warn", "CRLF"),
    "open quote": (f'\n\nA="{SECRET}\nB=1\n'.encode(), 3, "fail", "can't be parsed"),
    "text after a quote": (f"A='1' {SECRET}\n".encode(), 1, "fail", "can't be parsed"),
    "no equals sign": (f"{SECRET}\n".encode(), 1, "warn", "has no ="),
    "a lost line of a key": (b"KEY=a\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n", 2, "warn", "has no ="),
    "export": (f"export A={SECRET}\n".encode(), 1, "ok", "A is exported"),
    "quotes": (f"A='{SECRET}'\n".encode(), 1, "ok", "A is quoted"),
    "duplicate": (f"A=1\n\nA={SECRET}\n".encode(), 3, "warn", "A is set on line 1 already; here it has another value"),
    "the same twice": (f"A={SECRET}\nA={SECRET}\n".encode(), 2, "warn", "the same value"),
    "a megabyte": (b"A=1\nB=" + SECRET.encode() * 43_000, 2, "warn", "characters long"),
    "nul": (f"A={SECRET}\0b\n".encode(), 1, "fail", "NUL"),
    "look-alike letters": (f"ОLORIN_X={SECRET}\n".encode(), 1, "warn", "only look like ASCII"),
    "a reference to nothing": (f"A={SECRET}${{{SECRET}}}\n".encode(), 1, "warn", "what is not set"),
    "not text": (b"A=1\nB=\xff\xfe" + SECRET.encode(), 2, "fail", "not UTF-8"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_oddity_is_told_with_its_line_and_without_the_value(name: str, tmp_path: Path) -> None:
    data, line, grade, message = ODD[name]
    told = read(tmp_path, data).oddities
    assert [(each.line, each.grade) for each in told if message in each.message] == [(line, grade)]
    assert not [each for each in told if SECRET in each.message or "MIIEv" in each.message]


def test_a_plain_file_has_no_oddity(tmp_path: Path) -> None:
    file = read(tmp_path, "# comment\n\nA=1\nB=two words # more\n  C=3\n")
    assert file.oddities == ()
    assert [(each.name, each.value, each.line) for each in file.entries] == [
        ("A", "1", 3),
        ("B", "two words", 4),
        ("C", "3", 5),
    ]


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "unreadable", "huge"])
def test_what_cannot_be_read_is_told(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.env"
    if kind == "folder":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "unreadable":
        file.symlink_to("/proc/self/mem")
    elif kind == "huge":
        with file.open("wb") as written:
            written.truncate(100 * 1024 * 1024)
    found = read_env_file(file, {})
    assert found.entries == ()
    assert found.unreadable.startswith("can't be read: ")
    assert [each.grade for each in found.oddities] == ["fail"]


def test_the_null_device_is_an_empty_file() -> None:
    assert read_env_file(Path(os.devnull), {}) == EnvFile(Path(os.devnull))


def test_references_are_replaced_as_python_dotenv_does(tmp_path: Path) -> None:
    text = "HOST=db\nURL=mongodb://${HOST}/${NAME}\nOTHER=${MISSING:-fallback}\n"
    file = read(tmp_path, text, {"NAME": "bayit"})
    assert file.values() == {"HOST": "db", "URL": "mongodb://db/bayit", "OTHER": "fallback"}
    assert file.oddities == ()


def test_a_process_can_be_read_where_the_system_allows_it() -> None:
    file = read_env_file(Path("/proc/self/environ"), {})
    assert {each.name for each in file.entries} >= {"PATH"}


LINES = st.text(st.sampled_from("AB_=\"'#\\ \t\n\r$x{}é\u2028"), max_size=60)


@given(text=LINES)
def test_values_are_those_of_python_dotenv(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("dotenv")
    file = read(folder, text.encode(), dict(os.environ))
    expected = {name: value for name, value in dotenv_values(folder / "x.env").items() if value is not None}
    assert file.values() == expected
    for entry in file.entries:
        assert entry.name.split("\n")[0] in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[entry.line - 1]
