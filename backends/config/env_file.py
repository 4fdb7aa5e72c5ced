"""A dotenv file, read as python-dotenv reads it but with each line's number and all that is odd about it."""

from __future__ import annotations

import io
import os
import re
import stat
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dotenv.parser import Binding, parse_stream
from dotenv.variables import Variable, parse_variables

from backends.safety.text import display_text

FILE_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of a file that are read at most."""

LONGEST_VALUE: Final = 128 * 1024
"""Bytes of one variable that Linux passes to a process at most."""

BOM: Final = b"\xef\xbb\xbf"

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_EXPORT = re.compile(r"export\s")


@dataclass(frozen=True, slots=True)
class Entry:
    """A variable of a file: its name, its value (None where it has no `=`) and its line, counted from 1."""

    name: str
    value: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something about a file that people should know; line is 0 where it is about the whole file.

    grade: "fail" where a value is lost, "warn" where one may be, "ok" where it is only worth knowing.
    """

    line: int
    grade: str
    message: str


@dataclass(frozen=True, slots=True)
class EnvFile:
    """What a file holds; unreadable says why it holds nothing. Values are as they stand there: never show one."""

    path: Path
    entries: tuple[Entry, ...] = ()
    oddities: tuple[Oddity, ...] = ()
    unreadable: str = ""

    @property
    def shown_path(self) -> str:
        """The path, safe to show."""
        return display_text(self.path)

    def told(self, oddity: Oddity) -> str:
        """An oddity with its place."""
        place = f":{oddity.line}" if oddity.line else ""
        return f"{self.shown_path}{place}: {oddity.message}"

    def values(self) -> dict[str, str]:
        """Name → value, the last one winning as it does for python-dotenv, even where it sets nothing."""
        last = {entry.name: entry.value for entry in self.entries}
        return {name: value for name, value in last.items() if value is not None}


def read_env_file(path: Path, process: Mapping[str, str]) -> EnvFile:
    """Reads the file; what keeps it from being read is an oddity, never an exception.

    process: the variables that `${NAME}` may refer to beside the file's own.
    """
    try:
        data = _bytes(path)
        # A process may have variables in any encoding; one that isn't ours hides no other.
        text = data.decode("utf-8-sig", "replace" if _is_of_process(path) else "strict")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return _unreadable(path, "it is not UTF-8 text", line)
    except OSError as error:
        return _unreadable(path, error.strerror or type(error).__name__)
    except ValueError as error:
        return _unreadable(path, str(error))
    if _is_of_process(path) and not text:
        return _unreadable(path, "the process tells no environment")
    if "\0" in text and _is_of_process(path):
        return _of_process(path, text)
    entries, oddities = _parse(text, process)
    return EnvFile(path, tuple(entries), (*_about_bytes(data), *oddities, *_duplicates(entries)))


def _is_of_process(path: Path) -> bool:
    return path.parts[:2] == ("/", "proc")


def _unreadable(path: Path, reason: str, line: int = 0) -> EnvFile:
    message = f"can't be read: {reason}"
    return EnvFile(path, (), (Oddity(line, "fail", message),), message)


def _bytes(path: Path) -> bytes:
    """The file's bytes. Raises OSError, ValueError where it is too large or no file."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise ValueError("it is a directory")
    if not stat.S_ISREG(mode) and path != Path(os.devnull):
        raise ValueError("it is a pipe or device, which can't be read a second time")
    with path.open("rb") as file:
        data = file.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise ValueError(f"it is larger than {FILE_LIMIT // 1024 // 1024} MB")
    return data


def _of_process(path: Path, text: str) -> EnvFile:
    """A running process's variables, as /proc lists them."""
    pairs = (part.partition("=") for part in text.split("\0") if "=" in part)
    return EnvFile(path, tuple(Entry(name, value, 0) for name, _, value in pairs))


def _parse(text: str, process: Mapping[str, str]) -> tuple[list[Entry], list[Oddity]]:
    # Text files are read with universal newlines, so values that span lines hold line feeds only.
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    entries: list[Entry] = []
    oddities: list[Oddity] = []
    known: dict[str, str | None] = {}
    for binding in parse_stream(io.StringIO(plain)):
        line = _line(binding)
        oddities += _about_binding(binding, line)
        if binding.error or binding.key is None:
            continue
        value = binding.value
        if value is not None:
            value, unset = _interpolated(value, ChainMap(known, {**process}))
            if unset:
                oddities.append(Oddity(line, "warn", f"{_name(binding)} refers by ${{…}} to what is not set"))
        known[binding.key] = value
        entries.append(Entry(binding.key, value, line))
    return entries, oddities


def _line(binding: Binding) -> int:
    """The line that the variable itself is on; the parser counts the empty lines before it to it."""
    original = binding.original.string
    leading = original[: len(original) - len(original.lstrip())]
    return binding.original.line + leading.count("\n")


def shown_name(name: str) -> str:
    """The name where it looks like one: a line of a key that lost its quotes would be taken for a name too.

    >>> shown_name("MONGODB_URI"), shown_name("MIIEvQIBADANBgkqhkiG9w0B")
    ('MONGODB_URI', 'a variable')
    """
    return name if _NAME.fullmatch(name) else "a variable"


def _name(binding: Binding) -> str:
    return shown_name(binding.key or "")


def _interpolated(value: str, variables: Mapping[str, str | None]) -> tuple[str, bool]:
    """The value with `${NAME}` replaced, and whether one of the names is not set."""
    if "${" not in value:
        return value, False
    atoms = list(parse_variables(value))
    named = [atom for atom in atoms if isinstance(atom, Variable)]
    unset = any(atom.name not in variables and atom.default is None for atom in named)
    return "".join(atom.resolve(variables) for atom in atoms), unset


def _about_binding(binding: Binding, line: int) -> Iterator[Oddity]:
    """What is odd about one line. No message holds any of its value."""
    if binding.error:
        yield Oddity(line, "fail", "can't be parsed: a quote that is not closed, or text after a closing quote")
        return
    if binding.key is None:
        return
    name, statement = _name(binding), binding.original.string.strip()
    if binding.value is None:
        yield Oddity(line, "warn", "has no =, so it sets nothing")
        return
    if not binding.key.isascii():
        yield Oddity(line, "warn", "the name holds letters that only look like ASCII: nothing reads it")
    if "\0" in binding.value:
        yield Oddity(line, "fail", f"{name} holds a NUL character, which no process can inherit")
    if len(binding.value.encode("utf-8", "replace")) > LONGEST_VALUE:
        yield Oddity(
            line, "warn", f"{name} is {len(binding.value):,} characters long; above 128 KB no process can inherit it"
        )
    if _EXPORT.match(statement):
        yield Oddity(line, "ok", f"{name} is exported: shells and python-dotenv take that, docker --env-file does not")
    if statement.partition("=")[2].lstrip()[:1] in {"'", '"'}:
        yield Oddity(line, "ok", f"{name} is quoted: python-dotenv takes the quotes off, docker --env-file does not")


def _about_bytes(data: bytes) -> Iterator[Oddity]:
    if data.startswith(BOM):
        yield Oddity(1, "warn", "begins with a byte order mark: some readers take it for part of the first name")
    crlf = data.count(b"\r\n")
    if crlf:
        first = data[: data.index(b"\r\n")].count(b"\n") + 1
        yield Oddity(first, "warn", f"lines that end in CRLF ({crlf:,}): shells take the CR for a part of the value")


def _duplicates(entries: list[Entry]) -> Iterator[Oddity]:
    first: dict[str, Entry] = {}
    for entry in entries:
        earlier = first.setdefault(entry.name, entry)
        if earlier is not entry:
            same = "the same value" if earlier.value == entry.value else "another value, which wins"
            yield Oddity(
                entry.line,
                "warn",
                f"{shown_name(entry.name)} is set on line {earlier.line} already; here it has {same}",
            )
            first[entry.name] = entry
