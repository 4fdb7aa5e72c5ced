"""`olorin` with the toy job among its jobs: `python -m tests.faults.toy_main runs resume ID`.

`TOY_TIMING` are the seconds of heartbeat, expiry and idling, `TOY_OPERATION` those after which a client gives an
operation up, `TOY_FAIL` is where it fails (tests/faults/toy.py).
"""

from __future__ import annotations

import os

from backends.runs import mongo_store
from backends.runs.model import Run
from backends.runs.mongo_store import MongoRunStore
from backends.runs.store import RunStore, Timing
from console.__main__ import main
from console.jobs import JOBS
from console.wiring import Services
from tests.faults.toy import Toy, fail_after_checkpoints, toy_job


def make(_: Services, store: RunStore, run: Run) -> Toy:
    """The toy job of the run."""
    return toy_job(run, isinstance(store, MongoRunStore))


if __name__ == "__main__":
    JOBS["toy"] = make
    if os.environ.get("TOY_TIMING"):
        Services.run_timing = Timing(*map(float, os.environ["TOY_TIMING"].split(",")))
    if os.environ.get("TOY_OPERATION"):
        vars(mongo_store)["OPERATION_S"] = float(os.environ["TOY_OPERATION"])
    if os.environ.get("TOY_FAIL"):
        fail_after_checkpoints()
    main()
