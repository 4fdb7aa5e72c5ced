"""From model A to the schema: times in UTC, JSONB, sizes as bigint, defaults, cascades, the three metrics tables.

What is there is asked for and only what differs is changed, so that it also adopts a database which was made from the
schema itself. There is one source of the tables, `backends.bots.schema`; whoever changes a released one writes a
further revision and freezes this one.
"""

from __future__ import annotations

from alembic import op

from backends.migrations.model_a import SINCE, TABLES, model_a
from backends.migrations.reshape import make_rest, reshape, unmake_rest

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LOCK = "ACCESS EXCLUSIVE"


def upgrade() -> None:
    from backends.bots.schema import Base

    reshape(model_a(), Base.metadata, TABLES)
    make_rest(Base.metadata, TABLES)


def downgrade() -> None:
    """Raises Refused where the metrics tables hold rows: model A has no place for them."""
    from backends.bots.notifications import REMOVE
    from backends.bots.schema import Base

    for statement in REMOVE:
        op.execute(statement)
    unmake_rest(Base.metadata, TABLES)
    for table, columns in SINCE.items():
        for column in columns:
            op.drop_column(table, column)
    reshape(Base.metadata, model_a(), TABLES)
