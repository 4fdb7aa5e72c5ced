"""What a command's exit says (design section 3); scripts and cron rely on these numbers."""

from __future__ import annotations

from enum import IntEnum

from backends.clients.errors import AccessDenied, BackendError, CannotConnect, DeadlineExceeded, WriteRefused
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


def exit_code(error: BackendError) -> ExitCode:
    """The code for a backend's failure.

    >>> exit_code(CannotConnect("x")).value, exit_code(AccessDenied("x")).value, exit_code(BackendError("x")).value
    (6, 7, 3)
    """
    if isinstance(error, CannotConnect | DeadlineExceeded):
        return ExitCode.CANNOT_CONNECT
    if isinstance(error, AccessDenied):
        return ExitCode.PERMISSION
    if isinstance(error, WriteRefused):
        return ExitCode.REFUSED
    return ExitCode.UNKNOWN


def problem_code(problem: Problem) -> ExitCode:
    """The code for a failure that a snapshot holds as data.

    >>> problem_code(CannotConnect("x").problem()).value, problem_code(Problem("bad answer", "x")).value
    (6, 3)
    """
    if problem.kind in (CannotConnect.kind, DeadlineExceeded.kind):
        return ExitCode.CANNOT_CONNECT
    return ExitCode.PERMISSION if problem.kind == AccessDenied.kind else ExitCode.UNKNOWN
