"""A platform at work: a thread that inserts, updates, replaces and deletes in Olorin's collections at a steady rate."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from tests.faults.campaign import WHOLE

RATE: Final = 500 if WHOLE else 120
"""Writes a second."""

COLLECTIONS: Final = ("usage_records", "dubbing_sessions", "content_embeddings")


@dataclass
class Writers:
    """What the thread does, and how much of it. unique: the highest value given so far to a field kept unique.

    worked_s: seconds for which it wrote, known once it stopped.
    """

    url: str
    database: str
    chance: random.Random
    rate: int = RATE
    done: int = 0
    failed: int = 0
    unique: int = 1_000_000
    worked_s: float = 0.0
    ids: dict[str, list[Any]] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        """Writes until told to stop; what the server refuses or can't take just now is passed over."""
        with MongoClient[dict[str, Any]](self.url, serverSelectionTimeoutMS=1000) as client:
            database, began, tried = client[self.database], time.monotonic(), 0
            while not self._stop.is_set():
                tried += 1
                try:
                    self._write(database)
                    self.done += 1
                except DuplicateKeyError:
                    self.failed += 1
                except PyMongoError:
                    self.failed += 1
                    self._stop.wait(0.05)
                self._stop.wait(max(began + tried / self.rate - time.monotonic(), 0))
            self.worked_s = time.monotonic() - began

    def stop(self) -> None:
        """Ends it after the current write."""
        self._stop.set()

    def _write(self, database: Database[dict[str, Any]]) -> None:
        name = self.chance.choice(COLLECTIONS)
        collection, ids = database[name], self.ids.setdefault(name, [])
        what = self.chance.random()
        if what < 0.3 or not ids:
            document = self._new(name)
            ids.append(document["_id"])
            collection.insert_one(document)
            return
        place = self.chance.randrange(len(ids))
        id_ = ids[place]
        if what < 0.55:
            collection.update_one({"_id": id_}, {"$inc": {"request_count": 1}, "$set": {"at": self.chance.random()}})
        elif what < 0.7:
            collection.update_one({"_id": id_}, {"$unset": {"may_go": 1}})
        elif what < 0.8:
            # Deleted, and there again at once: with an id that is equal to the server and another one in bytes.
            collection.delete_one({"_id": id_})
            again = float(id_) if isinstance(id_, int) else id_
            collection.insert_one({**self._new(name), "_id": again})
        elif what < 0.88:
            collection.replace_one({"_id": id_}, {"whole": "new", "unique": self._value()})
        else:
            ids[place] = ids[-1]
            ids.pop()
            collection.delete_one({"_id": id_})

    def _new(self, name: str) -> dict[str, Any]:
        id_: Any = (
            ObjectId() if name != "usage_records" else self.chance.choice([self._value(), f"text {self._value()}"])
        )
        return {"_id": id_, "unique": self._value(), "may_go": "x" * self.chance.randrange(200), "request_count": 0}

    def _value(self) -> int:
        self.unique += 1
        return self.unique


def plant(url: str, name: str, count: int) -> None:
    """Documents that are there before the writers come, and a field kept unique."""
    with MongoClient[dict[str, Any]](url) as client:
        for collection in COLLECTIONS:
            documents = [{"unique": number, "may_go": "y" * 300} for number in range(count)]
            client[name][collection].insert_many(documents)
            client[name][collection].create_index("unique", unique=True)


@contextmanager
def writing(*writers: Writers) -> Iterator[None]:
    """Their threads at work."""
    threads = [threading.Thread(target=each.work) for each in writers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for each in writers:
            each.stop()
        for thread in threads:
            thread.join()


def several(url: str, database: str, seed: str, threads: int = 4) -> list[Writers]:
    """Threads that write at the rate together: a busy server does not answer one of them quickly enough for it."""
    return [
        Writers(url, database, random.Random(f"{seed} {number}"), RATE // threads, unique=(number + 1) * 1_000_000)
        for number in range(threads)
    ]
