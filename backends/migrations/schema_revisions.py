"""The revisions of the bot-session schema that the console brings: history, heads, what is pending, SQL preview."""

from __future__ import annotations

import ast
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import Refused
from backends.migrations.model import SchemaStep

if TYPE_CHECKING:
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

FOLDER: Final = Path(__file__).parent / "revisions"

_HINT: Final = "`olorin migrate schema --status` lists the revisions."


@dataclass(frozen=True, slots=True)
class Revisions:
    """All steps, newest first, and the ids that no step follows: more than one is a mistake in the tool."""

    history: tuple[SchemaStep, ...]
    heads: tuple[str, ...]


def revisions(folder: Path = FOLDER) -> Revisions:
    """The steps in the folder, read without Alembic, whose import takes 25 MB of memory."""
    steps = {step.id: step for step in map(_read, folder.glob("[!_]*.py"))}
    heads = sorted(steps.keys() - {before for step in steps.values() for before in _befores(step)})
    return Revisions(tuple(steps[id_] for id_ in reversed(_in_order(steps, heads))), tuple(heads))


def pending(current: Sequence[str] | None, folder: Path = FOLDER) -> tuple[str, ...]:
    """The steps that an upgrade would take, oldest first; none where there is no table of versions (None).

    Raises Refused where it is at a revision that the tool doesn't know.
    """
    if current is None:
        return ()
    found = revisions(folder)
    steps = {step.id: step for step in found.history}
    if unknown := [id_ for id_ in current if id_ not in steps]:
        raise Refused(f"{', '.join(unknown)} is no revision that this console knows.", hint=_HINT)
    done = set(_in_order(steps, current))
    return tuple(id_ for id_ in _in_order(steps, found.heads) if id_ not in done)


def _read(file: Path) -> SchemaStep:
    """A revision as its file says it: names that are assigned a literal, and the first line of its docstring."""
    module = ast.parse(file.read_text())
    said = {
        target.id: ast.literal_eval(line.value)
        for line in module.body
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant | ast.Tuple)
        for target in line.targets
        if isinstance(target, ast.Name)
    }
    before = said["down_revision"]
    follows = ", ".join(before) if isinstance(before, tuple) else before
    return SchemaStep(said["revision"], follows, (ast.get_docstring(module) or "").partition("\n")[0], said["LOCK"])


def _befores(step: SchemaStep) -> list[str]:
    return step.before.split(", ") if step.before else []


def _in_order(steps: Mapping[str, SchemaStep], ids: Iterable[str]) -> list[str]:
    """The revisions and all that they follow, each after what it follows."""
    graph = TopologicalSorter[str]()
    waiting = list(ids)
    while waiting:
        id_ = waiting.pop()
        graph.add(id_, *_befores(steps[id_]))
        waiting += _befores(steps[id_])
    return list(graph.static_order())


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


def locks(current: Sequence[str], target: str, *, back: bool, folder: Path = FOLDER) -> tuple[str, ...]:
    """The strongest lock of each step on the way to a revision. Raises Refused where there is no way."""
    script = scripts(folder)
    with known(target):
        way: Callable[[str, Any], Any] = script._downgrade_revs if back else script._upgrade_revs
        modules = [step.revision.module for step in way(target, tuple(current))]
    return tuple(getattr(module, "LOCK_BACK", module.LOCK) if back else module.LOCK for module in modules)


@contextmanager
def known(revision: str) -> Iterator[None]:
    """Turns Alembic's complaints about revisions into Refused."""
    from alembic.script.revision import RevisionError
    from alembic.util import CommandError

    try:
        yield
    except (CommandError, RevisionError) as error:
        raise Refused(f"{revision} is no revision to go to: {error}", hint=_HINT) from error
