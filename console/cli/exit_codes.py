"""What a command's exit says (design section 3); scripts and cron rely on these numbers."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from backends.clients.errors import (
    AccessDenied,
    BackendError,
    CannotConnect,
    DeadlineExceeded,
    LeaseHeld,
    Refused,
    Stopped,
    StoppedByThreshold,
    StoppedByTime,
    VerificationFailed,
)
from backends.sampling.reading import Problem


class ExitCode(IntEnum):
    """0 to 3 are Nagios' own."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3
    USAGE = 4
    CONFIGURATION = 5
    CANNOT_CONNECT = 6
    PERMISSION = 7
    REFUSED = 8
    LEASE_HELD = 9
    SOME_SKIPPED = 10
    VERIFICATION_FAILED = 11
    STOPPED_BY_THRESHOLD = 12
    STOPPED_BY_PERSON = 13
    STOPPED_BY_TIME = 14
    INTERNAL = 70


_CODES: Final[Mapping[type[BackendError], ExitCode]] = {
    CannotConnect: ExitCode.CANNOT_CONNECT,
    DeadlineExceeded: ExitCode.CANNOT_CONNECT,
    AccessDenied: ExitCode.PERMISSION,
    Refused: ExitCode.REFUSED,
    LeaseHeld: ExitCode.LEASE_HELD,
    VerificationFailed: ExitCode.VERIFICATION_FAILED,
    StoppedByThreshold: ExitCode.STOPPED_BY_THRESHOLD,
    StoppedByTime: ExitCode.STOPPED_BY_TIME,
    Stopped: ExitCode.STOPPED_BY_PERSON,
}
"""The first class that a failure is of says its code, so the narrower ones stand first."""


def exit_code(error: BackendError) -> ExitCode:
    """The code for a backend's failure.

    >>> [exit_code(kind("x")).value for kind in (CannotConnect, AccessDenied, Refused, StoppedByTime, BackendError)]
    [6, 7, 8, 14, 3]
    """
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), ExitCode.UNKNOWN)


def problem_code(problem: Problem) -> ExitCode:
    """The code for a failure that a snapshot holds as data.

    >>> problem_code(CannotConnect("x").problem()).value, problem_code(Problem("bad answer", "x")).value
    (6, 3)
    """
    return next((code for kind, code in _CODES.items() if kind.kind == problem.kind), ExitCode.UNKNOWN)
