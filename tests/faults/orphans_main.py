"""`olorin` whose orphan jobs fail where they are told to: `python -m tests.faults.orphans_main runs resume ID`.

`ORPHANS_FAIL=point:n[:signal]` sends this process a signal (KILL unless it says otherwise) the n-th time that it comes
by the point. `ORPHANS_NO_TRANSACTIONS` makes it take the server for one without. `ORPHANS_APPEAR=id` creates this
content just after the first batch was committed.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from backends.orphans import clean_job, finishing, restore_job
from backends.orphans.clean_job import CleanJob
from backends.orphans.quarantine import Quarantine
from backends.orphans.restore_job import RestoreJob
from backends.runs import mongo_store
from backends.runs.mongo_worker import MongoWorker
from backends.runs.sizing import Limits
from backends.runs.store import Timing

POINTS: Final = (
    "laid out",
    "copied",
    "read back",
    "deleted",
    "checkpoint",
    "removed",
    "put back",
    "forgotten",
    "settled",
    "vectors listed",
    "list dropped",
)
"""The steps of a batch in their order, each after it was done; those of the restoring ones where a parent appeared. The
last two come once, after the last batch."""

_seen: Counter[str] = Counter()


def point(name: str) -> None:
    """Fails here, if this is the place and the time to."""
    wanted, number, *named = os.environ.get("ORPHANS_FAIL", ":0").split(":")
    _seen[name] += 1
    if (name, _seen[name]) == (wanted, int(number)):
        os.kill(os.getpid(), signal.Signals[f"SIG{(named or ['KILL'])[0]}"])


def around(owner: Any, method: str, name: str) -> None:
    """Adds a point before a method and one after it."""
    called: Callable[..., Any] = getattr(owner, method)

    async def wrapped(*given: Any, **more: Any) -> Any:
        point(f"before {name}")
        answer = await called(*given, **more)
        point(name)
        return answer

    setattr(owner, method, wrapped)


def add_points() -> None:
    """Adds all of them."""
    around(CleanJob, "_lay_out", "laid out")
    around(Quarantine, "_copy", "copied")
    around(Quarantine, "_read_back", "read back")
    around(Quarantine, "_delete", "deleted")
    around(MongoWorker, "_save", "checkpoint")
    around(CleanJob, "_remove", "removed")
    around(CleanJob, "_settle", "settled")
    around(Quarantine, "forget", "forgotten")
    around(clean_job, "put_back", "put back")
    around(restore_job, "put_back", "put back")
    around(finishing, "listed_and_deleted", "vectors listed")
    around(finishing, "_drop_list", "list dropped")


def let_appear(content: str) -> None:
    """Creates a content once the first batch was committed, before its parents are asked for again."""
    from bson import ObjectId
    from pymongo import MongoClient

    settling = CleanJob._settle

    async def settle(self: CleanJob, context: Any, unsettled: list[int] | None) -> None:
        if unsettled is not None and not _seen["appeared"]:
            _seen["appeared"] += 1
            with MongoClient[dict[str, Any]](os.environ["MONGODB_URI"]) as client:
                parents = client[os.environ["MONGODB_DB_NAME"]].content
                parents.update_one({"_id": ObjectId(content)}, {"$set": {"title": "again"}}, upsert=True)
        await settling(self, context, unsettled)

    CleanJob._settle = settle  # type: ignore[method-assign]


async def _none(_: object) -> bool:
    return False


if __name__ == "__main__":
    from console.__main__ import main
    from console.wiring import Services

    CleanJob.limits = RestoreJob.limits = Limits(7, 7, 7)
    Services.run_timing = Timing(0.2, 1.5)
    if os.environ.get("ORPHANS_APPEAR"):
        let_appear(os.environ["ORPHANS_APPEAR"])
    if os.environ.get("ORPHANS_NO_TRANSACTIONS"):
        mongo_store.has_transactions = _none  # type: ignore[assignment]
        mongo_store.OPERATION_S = 0.5  # type: ignore[misc]
    add_points()
    main()
