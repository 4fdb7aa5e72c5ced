"""The model beside the database, column by column: what would lose data is red, what only differs is a warning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backends.migrations.repartition.shape import KEY_COLUMN, Shape
from backends.safety.text import display_text

WIDER: Final = {"smallint": 1, "integer": 2, "bigint": 3}
_TEXTS: Final = ("character varying", "text")


@dataclass(frozen=True, slots=True)
class Difference:
    """A column that is not as the model says; loses: whether data would be lost."""

    column: str
    why: str
    loses: bool


def differences(shape: Shape) -> tuple[Difference, ...]:
    """Every difference of the table from the model. Imports SQLAlchemy."""
    from sqlalchemy.dialects import postgresql

    from backends.migrations.repartition.orm import Chunk

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    found = []
    model = {column.name: column for column in Chunk.__table__.columns}
    for name, column in model.items():
        there = shape.column(name)
        wanted = _said(column.type.compile(dialect=dialect).lower())
        if there is None:
            # The key is what the new layout adds where there is none.
            lost = bool(column.primary_key) and name != KEY_COLUMN
            found.append(Difference(name, "is missing", lost))
        elif not _fits(str(there["type"]), wanted):
            lossy = not (name == "id" and str(there["type"]).startswith(_TEXTS))
            found.append(Difference(name, f"is {display_text(there['type'])}, the model says {wanted}", lossy))
        elif there["not_null"] == column.nullable and name != KEY_COLUMN:
            found.append(Difference(name, "may be null" if column.nullable is False else "may not be null", False))
    unknown = [each["name"] for each in shape["columns"] if each["name"] not in model]
    return (*found, *(Difference(display_text(name), "is not in the model", False) for name in unknown))


def _said(type_: str) -> str:
    return {"varchar": "character varying"}.get(type_, type_)


def _fits(there: str, wanted: str) -> bool:
    """Whether the model can read all that the column may hold, and write it back.

    >>> _fits("character varying(255)", "character varying"), _fits("bigint", "integer"), _fits("integer", "bigint")
    (True, False, True)
    """
    if there in WIDER and wanted in WIDER:
        return WIDER[there] <= WIDER[wanted]
    if there.startswith(_TEXTS) and wanted.startswith(_TEXTS):
        return True
    return there == wanted


def judged(found: tuple[Difference, ...]) -> tuple[bool, str, str]:
    """Whether data would be lost, what would be, and what only differs, in words."""

    def said(loses: bool) -> str:
        return "; ".join(f"{each.column} {each.why}" for each in found if each.loses is loses)

    return any(each.loses for each in found), said(True), said(False)
