"""The eight tables of the service's model A: made where there are none, adopted where the service made them."""

from __future__ import annotations

from alembic import op
from sqlalchemy import inspect

from backends.clients.errors import Refused
from backends.migrations.model_a import model_a

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LOCK = "none on tables that are there"
LOCK_BACK = "ACCESS EXCLUSIVE"


def upgrade() -> None:
    """Raises Refused where some of the tables are there and not all of them, or a column is missing."""
    if op.get_context().as_sql or not _there():
        model_a().create_all(op.get_bind(), checkfirst=False)
        return
    inspector = inspect(op.get_bind())
    for table in model_a().sorted_tables:
        if not inspector.has_table(table.name):
            raise Refused(f"There is a part of model A, but no table {table.name}.", hint=_HINT)
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        if missing := sorted(set(table.columns.keys()) - columns):
            raise Refused(f"The table {table.name} lacks {', '.join(missing)}.", hint=_HINT)


def downgrade() -> None:
    """Drops the tables as long as they are empty. Raises Refused where they are not."""
    tables = model_a().sorted_tables
    if not op.get_context().as_sql:
        for table in tables:
            if op.get_bind().exec_driver_sql(f"SELECT EXISTS (SELECT FROM {table.name})").scalar():
                raise Refused(f"The table {table.name} holds rows: it is not dropped.", hint="Stay at revision 0001.")
    for table in reversed(tables):
        op.drop_table(table.name)


def _there() -> bool:
    inspector = inspect(op.get_bind())
    return any(inspector.has_table(table.name) for table in model_a().sorted_tables)


_HINT = "This is neither an empty database nor the service's; compare it with the schema by hand."
