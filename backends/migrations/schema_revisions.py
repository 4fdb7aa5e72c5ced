"""The revisions of the bot-session schema that the console brings: history, heads, what is pending, SQL preview."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.clients.errors import Refused
from backends.migrations.model import SchemaStep

if TYPE_CHECKING:
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

FOLDER = Path(__file__).parent / "revisions"


@dataclass(frozen=True, slots=True)
class Revisions:
    """All steps, newest first, and the ids that no step follows: more than one is a mistake in the tool."""

    history: tuple[SchemaStep, ...]
    heads: tuple[str, ...]


def revisions(folder: Path = FOLDER) -> Revisions:
    """The steps in the folder. Imports Alembic."""
    script = scripts(folder)
    history = tuple(
        SchemaStep(each.revision, _first(each.down_revision), _first_line(each.doc), each.module.LOCK)
        for each in script.walk_revisions()
    )
    return Revisions(history, tuple(script.get_heads()))


def pending(current: Sequence[str] | None, folder: Path = FOLDER) -> tuple[str, ...]:
    """The steps that an upgrade would take, oldest first; none where the database is under no version.

    Raises Refused where it is at a revision that the tool doesn't know.
    """
    if not current:
        return ()
    known = scripts(folder)
    return tuple(step.revision for step in reversed(list(_between(known, "heads", current))))


def sql(current: str, target: str, folder: Path = FOLDER) -> str:
    """What going from one revision ("base": nothing) to another would execute, without a server. Raises Refused."""
    buffer = io.StringIO()
    with environment(scripts(folder), target, as_sql=True, starting_rev=current) as alembic:
        alembic.configure(
            dialect_name="postgresql",
            output_buffer=buffer,
            literal_binds=True,
            counts={},
        )
        with alembic.begin_transaction():
            alembic.run_migrations()
    return buffer.getvalue()


def scripts(folder: Path = FOLDER) -> ScriptDirectory:
    """Alembic's view of the folder."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(folder), version_locations=[str(folder)])


def environment(script: ScriptDirectory, target: str, *, back: bool = False, **options: Any) -> EnvironmentContext:
    """Alembic's environment for going to a revision. Its migrations run inside `configure` and `run_migrations`."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    def steps(current: Any, _: object) -> Any:
        with known(target):
            return script._downgrade_revs(target, current) if back else script._upgrade_revs(target, current)

    fn: Callable[[Any, object], Any] = steps
    return EnvironmentContext(Config(), script, fn=fn, destination_rev=target, **options)


@contextmanager
def known(revision: str) -> Iterator[None]:
    """Turns Alembic's complaints about revisions into Refused."""
    from alembic.script.revision import RevisionError
    from alembic.util import CommandError

    try:
        yield
    except (CommandError, RevisionError) as error:
        hint = "`olorin migrate schema --status` lists the revisions."
        raise Refused(f"{revision} is no revision to go to: {error}", hint=hint) from error


def _between(script: ScriptDirectory, upper: str, lower: Sequence[str]) -> list[Any]:
    with known(", ".join(lower)):
        return [step for step in script.iterate_revisions(upper, tuple(lower)) if step.revision not in lower]


def _first(down: Any) -> str | None:
    return down if isinstance(down, str) or down is None else ", ".join(down)


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().splitlines()[0] if doc else ""
