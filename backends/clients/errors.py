"""The one family of errors that backends raise. Drivers' exceptions become one of these in this package, once.

BackendError
├── NotConfigured      a variable is not set
├── CannotConnect      nobody answers there
├── DeadlineExceeded   it answers too slowly
├── AccessDenied       the user, the password or a privilege
├── NotThere           the database, table or collection does not exist
├── BadAnswer          an answer that makes no sense
├── OutcomeUnknown     it was asked for, and no answer says whether it was done
├── Refused            a safety gate is closed
│   ├── WriteRefused       a write through a reading session
│   └── AuditFailed        no audit, no action
├── LeaseHeld          another run works on the target
├── VerificationFailed what was written is not what should be there
└── Stopped            a run stopped and can be resumed
    ├── StoppedByThreshold
    ├── StoppedByPerson
    └── StoppedByTime
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from backends.safety.secrets import mask
from backends.safety.text import display_text
from backends.sampling.reading import Problem


class BackendError(Exception):
    """A failure that is safe to show: message says what, where is the masked target, hint says what to do."""

    kind: ClassVar[str] = "failed"

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        self.message = display_text(mask(message))
        self.where = display_text(mask(where))
        self.hint = display_text(mask(hint))
        super().__init__(self.message)

    def problem(self) -> Problem:
        """The error as data, for readings and JSON."""
        return Problem(self.kind, self.message, self.where, self.hint)


class NotConfigured(BackendError):
    """A variable that this system needs is not set."""

    kind = "not configured"


class CannotConnect(BackendError):
    """The server could not be reached."""

    kind = "cannot connect"


class DeadlineExceeded(BackendError):
    """The server did not answer in time."""

    kind = "too slow"


class AccessDenied(BackendError):
    """The server refused the user, the password or the operation."""

    kind = "access denied"


class NotThere(BackendError):
    """The database, table or collection does not exist."""

    kind = "not there"


class BadAnswer(BackendError):
    """The server answered with something that can't be used."""

    kind = "bad answer"


class OutcomeUnknown(BackendError):
    """A change was asked for, and no answer says whether it was made: it may have been."""

    kind = "outcome unknown"


class Refused(BackendError):
    """A safety gate refused it; nothing was changed by it."""

    kind = "refused"


class WriteRefused(Refused):
    """A write was attempted through a reading session."""


class AuditFailed(Refused):
    """The audit log could not be written or read. The hint says whether anything was changed."""

    kind = "no audit"


class LeaseHeld(BackendError):
    """Another run holds the lease on the target."""

    kind = "held by another run"


class VerificationFailed(BackendError):
    """What is there is not what should be."""

    kind = "verification failed"


class Stopped(BackendError):
    """A run stopped before its end and can be resumed."""

    kind = "stopped"


class StoppedByThreshold(Stopped):
    """A measurement passed its threshold."""

    kind = "stopped by a threshold"


class StoppedByPerson(Stopped):
    """A person or a signal stopped it."""

    kind = "stopped by a person"


class StoppedByTime(Stopped):
    """Its time limit was reached."""

    kind = "stopped by a time limit"


@contextmanager
def mapped(to_backend_error: Callable[[Exception], BackendError | None]) -> Iterator[None]:
    """Raises what the function makes of an exception inside the block; the exception itself where it makes nothing."""
    try:
        yield
    except BackendError:
        raise
    except Exception as error:
        found = to_backend_error(error)
        if found is None:
            raise
        raise found from error
