"""Projects opened, saved, held, imported; interrupted answers found again."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from backends.clients.errors import NotConfigured, NotThere
from backends.clients.model import ModelClient
from backends.drafting import journal
from backends.drafting.answer import Outcome
from backends.drafting.errors import HeldByAnother, NotAccepted
from backends.drafting.journal import Journal, interrupted
from backends.drafting.model import Action, Project
from backends.drafting.opened import OpenProject
from backends.drafting.options import DraftingOptions
from backends.drafting.service import DraftingService
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Consent, Gate
from backends.sampling.state import State
from tests.backends.drafting.scripted import AT, Endpoint, Reply, failure, finish, text, whole

Make = Callable[..., DraftingService]

HOLDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from backends.drafting.locks import ProjectLock
from backends.drafting.model import Project

now = datetime.now(UTC)
lock = ProjectLock.take(Path(sys.argv[1]), Project(UUID(sys.argv[2]), "t", now, now), now)
print("held", flush=True)
sys.stdin.read()
"""

INTERRUPTED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from backends.drafting.journal import Journal

journal = Journal(Path(sys.argv[1]), UUID(sys.argv[2]), {"action": "write"}, datetime.now(UTC))
journal.chunk("It came ")
journal.chunk("in pieces")
os.kill(os.getpid(), signal.SIGKILL)
"""


async def answered(service: DraftingService, about: Project, action: Action = Action.WRITE) -> Outcome:
    async with aclosing(service.answer(about, action)) as events:
        outcomes = [event async for event in events if isinstance(event, Outcome)]
    return outcomes[0]


async def test_a_project_is_made_opened_saved_and_found(make_service: Make) -> None:
    service = make_service()
    made = await service.create("  Salt \n and  iron ")
    assert (made.title, made.bay.value, made.intensity, made.draft) == ("Salt and iron", "NEW", 0.75, "")
    opened = await service.open(made.id)
    saved = await service.save(opened, replace(opened.project, draft="One two three"))
    assert saved.written
    assert saved.project.updated_at > made.updated_at
    assert (await service.find("Salt and iron")).words == 3
    assert (await service.find(str(made.id))).words == 3
    with pytest.raises(NotThere):
        await service.find("Pepper")


async def test_titles_are_shown_safely_and_bounded(make_service: Make) -> None:
    service = make_service()
    assert (await service.create("")).title == "Untitled Project"
    assert (await service.create("[@click=app.quit]\x1b[2J")).title == "[@click=app.quit]␛[2J"
    with pytest.raises(NotAccepted, match="121 characters"):
        await service.create("x" * 121)
    await service.create("twice")
    await service.create("twice")
    with pytest.raises(NotAccepted, match="2 projects are called"):
        await service.find("twice")


async def test_the_second_to_open_a_project_reads_and_is_told_who_writes(make_service: Make) -> None:
    first, second = make_service(), make_service()
    made = await first.create("Shared")
    writing = await first.open(made.id)
    reading = await second.open(made.id)
    assert writing.writable
    assert not reading.writable
    assert reading.held_by is not None
    assert reading.held_by.holder is not None
    assert reading.held_by.holder.pid == os.getpid()
    with pytest.raises(HeldByAnother, match=f"pid {os.getpid()}"):
        await second.save(reading, replace(made, draft="mine"))
    await first.save(writing, replace(made, draft="theirs"))
    writing.close()
    again = await second.open(made.id)
    assert again.writable
    assert again.project.draft == "theirs"
    again.close()


async def test_a_dead_holders_lock_is_taken_over(make_service: Make, tmp_path: Path) -> None:
    service = make_service()
    made = await service.create("Orphaned")
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, tmp_path / "drafting/locks", str(made.id), stdin=PIPE, stdout=PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    held = await service.open(made.id)
    assert held.held_by is not None
    assert held.held_by.holder is not None
    assert held.held_by.holder.pid == holder.pid
    holder.kill()
    await holder.wait()
    taken = await service.open(made.id)
    assert taken.writable
    taken.close()


def dead(journal: Journal, said: str) -> None:
    """The journal as its process leaves it when it dies."""
    journal.chunk(said)
    assert journal._handle is not None
    os.close(journal._handle)


async def test_an_answer_whose_process_died_is_found_again(
    make_service: Make, endpoint: Endpoint, tmp_path: Path
) -> None:
    service = make_service()
    made = await service.create("Interrupted")
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", INTERRUPTED, tmp_path / "drafting/journal", str(made.id)
    )
    assert await writer.wait() == -signal.SIGKILL
    # Later answers don't hide it, however many.
    endpoint.script = [whole("Yes.")]
    for _ in range(3):
        await answered(service, made)
    dead(Journal(tmp_path / "drafting/journal", made.id, {"action": "write"}, service.now()), "He waited.")
    opened = await service.open(made.id)
    found = []
    while (answer := opened.interrupted) is not None:
        found.append(answer.text)
        await service.recovered(opened, answer)
    assert found == ["He waited.", "It came in pieces"]
    opened.close()
    again = await service.open(made.id)
    assert again.interrupted is None
    again.close()


def test_only_journals_with_an_end_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "KEPT_JOURNALS", 3)
    for number in range(8):
        written = Journal(tmp_path, UUID(int=1), {"action": "write"}, AT + timedelta(seconds=number))
        if number == 1:
            dead(written, "answer 1")
        else:
            written.end("stop")
    assert len(list(tmp_path.iterdir())) == 4
    assert [each.text for each in interrupted(tmp_path, UUID(int=1))] == ["answer 1"]


async def test_an_answer_that_is_being_written_is_not_an_interrupted_one(
    make_service: Make, endpoint: Endpoint
) -> None:
    endpoint.script = [Reply([text("Still")], hold=True)]
    service = make_service()
    made = await service.create("Busy")
    async with aclosing(service.answer(made, Action.WRITE)) as events:
        await anext(events)
        opened = await service.open(made.id)
        assert opened.interrupted is None
        opened.close()


async def apply(state: Path, service: DraftingService, opened: OpenProject, outcome: Outcome) -> None:
    """Applies it through a gate."""
    gate = Gate(AuditTrail(state), this_author("demo", "development", "olorin test"), Arming(), production=False)
    async with gate.act(service.apply_act(opened.project, outcome.action), Consent("command", explicit=True)) as token:
        await service.apply(token, opened, outcome)


async def test_a_write_follows_the_draft_and_a_rewrite_replaces_it(
    make_service: Make, endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.script = [whole("It rained."), whole("All new.")]
    service = make_service()
    made = await service.create("Salt", "He waited.")
    opened = await service.open(made.id)
    await apply(tmp_path, service, opened, await answered(service, opened.project))
    assert (await service.find("Salt")).draft == "He waited.\n\nIt rained."
    await apply(tmp_path, service, opened, await answered(service, opened.project, Action.REWRITE))
    assert (await service.find("Salt")).draft == "All new."
    opened.close()


@pytest.mark.parametrize("reply", [Reply([text("Half")], cut=True), Reply([text("Cut"), finish("length")])], ids=str)
async def test_an_answer_that_is_not_whole_never_replaces_a_draft(
    make_service: Make, endpoint: Endpoint, tmp_path: Path, reply: Reply
) -> None:
    endpoint.script = [reply]
    service = make_service()
    made = await service.create("Salt", "All of my words.")
    opened = await service.open(made.id)
    with pytest.raises(NotAccepted, match="not whole"):
        await apply(tmp_path, service, opened, await answered(service, opened.project, Action.REWRITE))
    assert (await service.find("Salt")).draft == "All of my words."
    opened.close()


async def test_a_draft_has_a_limit(make_service: Make) -> None:
    service = make_service(draft_characters=10)
    with pytest.raises(NotAccepted, match="11 characters; at most 10"):
        await service.create("Salt", "x" * 11)


async def test_without_a_key_everything_but_the_model_works(tmp_path: Path) -> None:
    client = ModelClient(NotConfigured("No language model is configured.", hint="Set OPENAI_API_KEY."))
    service = DraftingService(tmp_path, client, DraftingOptions())
    made = await service.create("Salt", "One two")
    with pytest.raises(NotConfigured):
        await answered(service, made)
    summary = await service.summary()
    assert summary.state is State.NOT_CONFIGURED
    assert summary.headline == "1 project, 2 words; No language model is configured."
    assert not (tmp_path / "journal").exists()


async def test_an_endpoint_that_refuses_the_key_is_a_warning(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [failure(401)]
    summary = await make_service().summary()
    assert summary.state is State.WARNING
    assert summary.headline == "The endpoint refused the key. no projects yet"
    endpoint.script = [Reply([b'{"data": []}'])]
    assert (await make_service().summary()).state is State.OK


async def test_saves_end_in_the_order_they_began_even_when_nobody_waits(make_service: Make) -> None:
    service = make_service()
    made = await service.create("Salt")
    opened = await service.open(made.id)
    saves = [asyncio.ensure_future(service.save(opened, replace(made, draft=f"{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    for save in saves[:-1]:
        save.cancel()
    await asyncio.gather(*saves, return_exceptions=True)
    assert (await service.find("Salt")).draft == "19"
    opened.close()
