"""What the separation's page may ask and start: runs in processes of their own, acts at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from backends.backup.model import BackupVerdict
from backends.backup.mongo_dump import Tell
from backends.migrations.olorin.model import DryRun, FieldDifference, Held, Verified
from backends.migrations.olorin.service import SeparationService
from backends.migrations.olorin.standing import Standing
from backends.runs.starting import RunStarter
from backends.runs.store import RunStore
from backends.safety.gate import Act, Consent, Token

if TYPE_CHECKING:
    from backends.runs.model import Run


class SeparationDesk:
    """The separation, for a person at a screen. stores: of the target's runs, and of the main database's."""

    def __init__(
        self,
        service: SeparationService,
        stores: tuple[Callable[[], RunStore], Callable[[], RunStore]],
        starter: Callable[[], RunStarter],
    ) -> None:
        self._service, self._starter = service, starter
        self._store, self._main_store = stores

    async def standing(self) -> Standing:
        """How it stands. Raises BackendError."""
        return await self._service.standing(self._store())

    async def dry_run(self) -> DryRun:
        """What an execution would do; its plan is kept. Raises BackendError."""
        return await self._service.dry_run()

    async def verify(self, tell: Tell) -> Verified:
        """Compares both sides; the proof is kept. Raises BackendError."""
        return await self._service.verify(tell)

    async def difference(self, collection: str, id_json: str) -> tuple[FieldDifference, ...]:
        """A document of both sides, field by field. Raises BackendError."""
        return await self._service.difference(collection, id_json)

    # Runs

    async def execute(self, plan: str, consent: Consent) -> str:
        """Carries the plan out, or goes on with the run that does; says where its log is. Raises BackendError."""
        store, starter = self._store(), self._starter()
        runner = starter.runner(store)
        run_id = await self._service.run_to_execute(runner, store, consent, plan, follow=True)
        return await starter.go_on(run_id, consent)

    async def roll_back(self, folder: Path | None, consent: Consent) -> str:
        """Carries back what was written since the switch, or restores a backup. Raises BackendError."""
        store, starter = self._main_store(), self._starter()
        run_id = await self._service.run_to_roll_back(starter.runner(store), store, consent, folder)
        return await starter.go_on(run_id, consent)

    # After the switch

    async def newest_run(self) -> Run:
        """The newest run of the migration. Raises NotThere."""
        return await self._service.newest_run(self._store())

    async def held(self, run_id: str, *, dropping: bool) -> tuple[Held, ...]:
        """What a cleanup would set aside, or drop. Raises BackendError."""
        return await self._service.cleanup_preview(run_id, dropping=dropping)

    async def backup(self, *, undoable: bool) -> BackupVerdict:
        """What the backup gate says to a step. Raises BackendError."""
        return await self._service.backup_verdict(undoable=undoable)

    def cleanup_act(self, run_id: str, *, dropping: bool) -> Act:
        """What the gate is asked for. Raises NotConfigured."""
        return self._service.cleanup_act(run_id, dropping=dropping)

    async def clean_up(self, token: Token, run_id: str) -> str:
        """Sets the main database's collections aside. Raises Refused and BackendError."""
        return f"{await self._service.clean_up(token, run_id)} collections set aside"

    async def drop(self, token: Token, run_id: str) -> str:
        """Drops what was set aside, for good. Raises Refused and BackendError."""
        return f"{await self._service.drop(token, run_id)} collections dropped"

    def indexes_act(self) -> Act:
        """What the gate is asked for. Raises NotConfigured."""
        return self._service.indexes_act()

    async def build_indexes(self, token: Token) -> str:
        """Builds what the platform declares and the target lacks. Raises BackendError."""
        built = await self._service.build_declared(token)
        left = [f"{each.collection} {each.text}: {each.why_not}" for each in built if each.why_not]
        return "; ".join([f"{len(built) - len(left)} indexes built", *left])
