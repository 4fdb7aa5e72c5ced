"""Two configurations beside each other: what each sets differently."""

from __future__ import annotations

from backends.clients.errors import NotThere
from backends.config.catalogue import Spec, specs
from backends.config.env_file import EnvFile
from backends.config.health import shown_value
from backends.config.model import Difference
from backends.config.sources import Raw, Sources
from backends.config.values import Values, plain, read_values


def differences(here: Sources, file: EnvFile) -> tuple[Difference, ...]:
    """Settings whose value is another there. Raises NotThere where one of the files can't be read."""
    for each in (file, here.file):
        if each is not None and each.unreadable:
            raise NotThere(f"{each.shown_path} {each.unreadable}", hint="Name a dotenv file that can be read.")
    ours, theirs = read_values(here), read_values(Sources({}, file))
    return tuple(_difference(spec, ours, theirs) for spec in specs() if _value(spec, ours) != _value(spec, theirs))


def _value(spec: Spec, values: Values) -> object:
    """What is compared: the value where it can be used, so that `1` and `true` are the same flag, else the text."""
    winner = values.winner(spec.id)
    return winner.value if winner is not None and spec.id in values.invalid else values[spec.id]


def _difference(spec: Spec, ours: Values, theirs: Values) -> Difference:
    return Difference(
        spec.id,
        spec.group,
        spec.name,
        _shown(spec, ours.winner(spec.id)),
        _shown(spec, theirs.winner(spec.id)),
        ours.where(spec.id),
        theirs.where(spec.id),
    )


def _shown(spec: Spec, winner: Raw | None) -> str:
    if winner is not None:
        return shown_value(spec, winner.value)
    return "" if spec.secret else plain(spec.default)
