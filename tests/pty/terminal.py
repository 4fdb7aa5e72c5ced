"""A terminal on a pseudo-terminal: runs a program in it, reads its screen with pyte, and sees how it leaves it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import pyte

_MODE = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
_ANSWERS = {b"\x1b[?2026$p": b"\x1b[?2026;2$y", b"\x1b[?2048$p": b"\x1b[?2048;0$y", b"\x1b[c": b"\x1b[?62;22c"}
_PRIVATE = re.compile(rb"\x1b\[[>=<?][\d;]*[a-zA-Z]")
RESTORED = {1049: False, 25: True, 1000: False, 1003: False, 1004: False, 2004: False}
"""Private modes after a clean end: no alternate screen, the cursor back, no mouse, focus or paste reporting."""


class Terminal:
    """One program on a terminal of `columns` × `rows`; a context manager that leaves no process behind."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], columns: int = 80, rows: int = 24, bytes_per_s: float = 0
    ) -> None:
        self._pace = bytes_per_s
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.received = bytearray()
        self.modes: dict[int, bool] = {}
        self._master, slave = pty.openpty()
        self._size(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=dict(env), start_new_session=True, close_fds=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        self._slave = slave

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for descriptor in (self._master, self._slave):
            with suppress(OSError):
                os.close(descriptor)

    def press(self, *keys: str) -> None:
        """Types the keys as a terminal sends them."""
        for key in keys:
            os.write(self._master, key.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Changes the terminal's size, which the program is told."""
        self._size(columns, rows)
        self.screen.resize(rows, columns)

    def hang_up(self) -> None:
        """Closes the terminal's side, as a lost SSH session does."""
        os.close(self._slave)
        os.close(self._master)

    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(self.screen.display)

    def read(self, for_s: float = 0.05) -> int:
        """Reads all that comes within the time; returns the number of bytes."""
        deadline, count = time.monotonic() + for_s, 0
        while (left := deadline - time.monotonic()) > 0:
            count += (chunk := self.read_chunk(left))
            if not chunk:
                break
        return count

    def read_chunk(self, within_s: float) -> int:
        """Reads the next bytes that come within the time; returns their number, 0 where none came."""
        if not select.select([self._master], [], [], within_s)[0]:
            return 0
        try:
            chunk = os.read(self._master, 65536)
        except OSError:  # the program's side is closed
            return 0
        self._take(chunk)
        return len(chunk)

    def wait_for(self, condition: str | Callable[[str], bool], within_s: float = 30.0) -> str:
        """Reads until the text (or condition) is on the screen, and returns the screen. Raises AssertionError."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            text = self.text()
            if condition in text if isinstance(condition, str) else condition(text):
                return text
            if not self.read_chunk(0.1) and self.process.poll() is not None:
                break
        raise AssertionError(f"{condition!r} never appeared (exit {self.process.poll()}):\n{self.text()}")

    def wait_for_end(self, within_s: float = 10.0) -> int:
        """Reads until the program has ended; returns its exit code. Raises AssertionError."""
        deadline = time.monotonic() + within_s
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"still running:\n{self.text()}")
            self.read(0.02)
        self.read(0.05)
        return self.process.returncode

    def not_restored(self) -> list[str]:
        """What the program left of itself in the terminal; empty after a clean end."""
        left = [f"mode {mode}" for mode, wanted in RESTORED.items() if self.modes.get(mode, wanted) is not wanted]
        return left + (["termios"] if termios.tcgetattr(self._slave) != self.before else [])

    def _size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _take(self, chunk: bytes) -> None:
        self.received += chunk
        for question, answer in _ANSWERS.items():
            if question in chunk:
                os.write(self._master, answer)
        for match in _MODE.finditer(chunk):
            for mode in match[1].split(b";"):
                self.modes[int(mode)] = match[2] == b"h"
        # pyte prints the letters of private sequences that it doesn't know.
        self._stream.feed(_PRIVATE.sub(lambda match: match[0] if match[0][-1:] in b"hl" else b"", chunk))
        if self._pace:
            time.sleep(len(chunk) / self._pace)
