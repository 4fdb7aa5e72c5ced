"""What `olorin migrate schema` asks for and changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from backends.backup.rules import require
from backends.clients.postgres import PostgresClient
from backends.migrations import schema_revisions
from backends.migrations.schema import bot_schema
from backends.migrations.schema_upgrade import Moved, go_to
from backends.safety.gate import Act

if TYPE_CHECKING:
    from backends.backup.model import BackupGate
    from backends.migrations.model import BotSchema
    from backends.safety.gate import Token

HEAD = "head"


class SchemaService:
    """The bot-session schema's versions. backup: the database's."""

    def __init__(self, database: PostgresClient, backup: BackupGate) -> None:
        self._database = database
        self._backup = backup

    @property
    def where(self) -> str:
        """The database, masked. Raises NotConfigured."""
        return self._database.target.where

    async def status(self) -> BotSchema:
        """What is there, and what is pending. Raises BackendError."""
        return await bot_schema(self._database)

    async def sql(self) -> str:
        """What an upgrade would execute on this database, as text. Raises BackendError."""
        current = (await bot_schema(self._database)).revisions
        return await asyncio.to_thread(schema_revisions.sql, ",".join(current or ("base",)), HEAD)

    def act(self, target: str, *, back: bool) -> Act:
        """The act of going to a revision, for the gate."""
        name = "schema.downgrade" if back else "schema.upgrade"
        return Act(name, self.where, {"revision": target})

    async def go_to(self, token: Token, target: str, *, back: bool) -> Moved:
        """Upgrades to the revision or goes back to it, in one transaction; back only with a proven backup.

        Raises Refused and VerificationFailed, after which nothing was changed, and BackendError.
        """
        if back:
            require(await self._backup(False), self._database.target.where)
        moved = await go_to(token, self._database, target, back=back)
        token.outcome(before=list(moved.before), after=list(moved.after), **moved.counts)
        return moved
