"""What the repository raises beside the clients' errors."""

from __future__ import annotations

from backends.clients.errors import BadAnswer, NotThere, Refused


class NoSuchRow(NotThere):
    """There is no row with this id."""


class ImpossibleChange(Refused):
    """A session may not go from the status that it has to the one that was asked for."""

    kind = "impossible change"


class ChangedMeanwhile(Refused):
    """The session is not as it was when it was looked at."""

    kind = "changed meanwhile"


class NotValid(BadAnswer):
    """The values can't be stored: too long, of the wrong type, or naming what isn't there."""

    kind = "not valid"
