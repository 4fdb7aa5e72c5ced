"""The jobs of long runs, by the kind that is recorded with each: part of the composition root, like `wiring`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from backends.clients.targets import separation_is_on
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.pools.machines import Machines
    from backends.runs.job import Job
    from backends.runs.model import Run
    from backends.runs.store import RunStore
    from console.wiring import Services

JobFactory = Callable[["Services", "RunStore", "Run"], "Job"]


def _scan_job(services: Services, _: RunStore, run: Run) -> Job:
    from backends.orphans.scan_job import ScanJob

    return ScanJob(run, services.orphans)


def _clean_job(services: Services, _: RunStore, run: Run) -> Job:
    from backends.orphans.clean_job import CleanJob

    return CleanJob(
        run,
        services.mongo,
        services.orphans.graph,
        services.cleaning.folder,
        separated=separation_is_on(services.settings.environment),
        vectors=services.vectors,
        backup=services.olorin_backup,
        now=utc_now,
    )


def _restore_job(services: Services, _: RunStore, run: Run) -> Job:
    from backends.orphans.restore_job import RestoreJob

    return RestoreJob(run, services.mongo, services.orphans.graph)


def _machines(services: Services) -> Machines:
    from backends.pools.machines import Machines

    return Machines(services.http, services.settings.own.metrics_urls)


def _chunks(services: Services, _: RunStore, run: Run) -> Job:
    from backends.migrations.repartition.swapping import ChunksRun

    return ChunksRun(run, services.chunks, _machines(services))


def _chunks_rollback(services: Services, _: RunStore, run: Run) -> Job:
    from backends.migrations.repartition.undoing import ChunksUndo

    return ChunksUndo(run, services.chunks, _machines(services))


def _bots_cleanup(_: Services, __: RunStore, run: Run) -> Job:
    from backends.bots.cleanup_job import CleanupJob

    return CleanupJob(run)


def _separation_job(services: Services, _: RunStore, run: Run) -> Job:
    return services.separation.job(run)


JOBS: Final[dict[str, JobFactory]] = {
    "orphans.scan": _scan_job,
    "orphans.clean": _clean_job,
    "orphans.restore": _restore_job,
    "chunks": _chunks,
    "chunks-rollback": _chunks_rollback,
    "bots.cleanup": _bots_cleanup,
    "separation": _separation_job,
    "separation.rollback": _separation_job,
    "separation.restore": _separation_job,
    "soft-delete": _separation_job,
    "soft-delete.undo": _separation_job,
}
"""Kind of run → what makes its job."""

READING: Final = frozenset({"orphans.scan"})
"""The kinds that only read: recorded, and halted, in the state folder."""
