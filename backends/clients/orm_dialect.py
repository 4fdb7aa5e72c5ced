"""SQLAlchemy's asyncpg dialect for connections that are shared with plain SQL."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg


class LentDialect(PGDialect_asyncpg):
    """Leaves a connection as it found it.

    The dialect's own set-up registers JSON codecs on the connection, and other users of the pool would then be given
    objects where they expect text; JSON columns are decoded by their SQLAlchemy type instead.
    """

    supports_statement_cache = True
    supports_native_json_deserialization = False
    default_isolation_level = "READ COMMITTED"
    default_schema_name = "public"
    server_version_info = (12, 0)
    """The oldest Postgres that the console works on: what is asked of it is understood by each later one."""

    def on_connect(self) -> None:
        """Nothing is set up."""

    def initialize(self, connection: object) -> None:
        """Asks nothing: the lender may be in the middle of a transaction, and nothing here depends on the version."""
