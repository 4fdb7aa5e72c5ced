"""What was done in figures: counted across processes, never with text, off where it is switched off."""

import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest

from backends.drafting import activity
from backends.drafting.activity import AUTOSAVE, Activity, Counters, Event
from backends.drafting.bibles import Lane
from backends.drafting.errors import LimitReached
from backends.drafting.evidence import Evidence, Template
from backends.drafting.incidents import with_evidence, with_template
from backends.drafting.model import Action, Kind, Project
from backends.drafting.review import mark_reviewed
from backends.drafting.samples import add_voice_sample
from backends.drafting.service import DraftingService
from backends.drafting.story import locked, with_section
from backends.sampling.jsonable import to_json
from tests.backends.drafting.scripted import AT, Endpoint, Reply, failure, text, whole

Make = Callable[..., DraftingService]
SECRET = "Nobody may read these words"


async def ask(service: DraftingService, draft: str, *, cached: bool = False) -> None:
    """One rewrite."""
    project = (await service.load()).library.projects[0]
    _ = [event async for event in service.answer(project, Action.REWRITE, wait=False, cached=cached)]


async def test_figures_hold_across_processes_and_no_text(
    make_service: Make, endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    endpoint.script = [whole(f"{SECRET} again.")]
    service = make_service()
    await service.create("Salt", SECRET)
    for cached in (True, True, False):
        await ask(service, SECRET, cached=cached)
    found = await make_service().statistics()
    # What bypasses the cache says nothing about it.
    assert (found.monitor.ai_calls, found.monitor.cache_misses, found.monitor.autosaves) == (2, 1, 1)
    assert (found.monitor.cache_hits, found.monitor.cache_hit_ratio) == (1, 0.5)
    assert found.monitor.avg_ai_time_s is not None
    assert found.writing.actions_by_type == {"rewrite": 3}
    assert found.writing.avg_words_per_action == 6
    assert (found.library.total_projects, found.library.total_words) == (1, 5)
    assert found.session.total_events == 0
    own = await service.statistics()
    assert own.session.event_breakdown == {"autosave": 1, "create": 1, "rewrite": 3}
    assert SECRET not in to_json(found) + (tmp_path / "drafting/activity.jsonl").read_text() + caplog.text


async def test_what_failed_and_what_was_cut_is_counted(make_service: Make, endpoint: Endpoint) -> None:
    service = make_service(retries=1, calls=4)
    made = await service.create("Salt", "He waited.")
    endpoint.script = [Reply([text("He st")], cut=True), failure(500), failure(500), Reply([text("He st")], hold=True)]
    await ask(service, "")
    with pytest.raises(Exception, match="scripted 500"):
        await ask(service, "")
    async with aclosing(service.answer(made, Action.REWRITE)) as stopped:
        await anext(stopped)
    with pytest.raises(LimitReached):
        await ask(service, "")
    found = await service.statistics()
    asked = [each for each in found.events if each.use_ai]
    assert [(each.ok, each.calls) for each in asked] == [(False, 1), (False, 2), (False, 1), (False, 0)]
    assert [each.seconds is None for each in asked] == [False, False, False, True]
    assert (found.monitor.ai_calls, found.monitor.cache_hit_ratio) == (4, None)


async def test_analytics_that_are_off_record_nothing_and_say_why(
    make_service: Make, endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.script = [whole("Yes.")]
    service = make_service(analytics=False)
    await service.create("Salt", "He waited.")
    await ask(service, "")
    found = await service.statistics()
    assert found.events == ()
    assert not (tmp_path / "drafting/activity.jsonl").exists()
    [switch] = [each for each in found.switches if each.name == "analytics"]
    assert (switch.on, switch.why) == (False, "off by ENABLE_ANALYTICS")


async def test_every_action_is_an_event_of_its_own(make_service: Make, tmp_path: Path) -> None:
    service = make_service()
    opened = await service.open((await service.create("Salt", SECRET, Kind.INCIDENT)).id)
    parts: tuple[Callable[[Project], Project], ...] = (
        lambda each: replace(each, intensity=0.5),
        lambda each: with_section(each, "world", SECRET),
        lambda each: locked(each, AT),
        lambda each: replace(each, bibles=add_voice_sample(each.bibles, "Voice A", SECRET, AT)),
        lambda each: replace(each, bibles=replace(each.bibles, forced_lane=Lane.ACTION)),
        lambda each: with_evidence(each, [Evidence("pools", SECRET)]),
        lambda each: with_template(each, Template.HAND_OVER),
        mark_reviewed,
        lambda each: replace(each, draft="Other words."),
    )
    for change in parts:
        await service.save(opened, change(opened.project))
    await service.transfers.export_bundle(opened.project, tmp_path / "salt.json")
    await service.transfers.import_bundle(tmp_path / "salt.json")
    opened.close()
    await service.restore("Salt", 1)
    found = (await service.statistics()).events
    assert [each.type for each in found if each.type != AUTOSAVE] == [
        "create", "intensity", "story bible world", "story bible lock", "voice vault", "voice bible", "evidence",
        "template", "review", "export bundle", "import bundle", "restore",
    ]  # fmt: skip
    assert SECRET not in to_json(found)


def event(**changes: object) -> Event:
    return Event(**{"at": AT, "type": "rewrite", "use_ai": True, **changes})  # type: ignore[arg-type]


def test_slow_calls_are_counted_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = Activity(tmp_path)
    record.record(event(calls=1, seconds=1.0))
    record.record(event(calls=2, slow=1, seconds=1.5))
    assert record.read().counters.slow_calls == 1
    assert "slow call: rewrite took 1.5 s in 2 requests" in caplog.text


def test_a_thousand_events_are_kept_and_the_sums_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "KEPT_EVENTS", 10)
    record = Activity(tmp_path)
    for number in range(40):
        record.record(event(at=AT + timedelta(seconds=number), calls=1, seconds=0.5))
        record.record(event(type=AUTOSAVE, use_ai=False))
    kept = record.read()
    asked = [each for each in kept.events if each.type != AUTOSAVE]
    assert len(asked) < 40
    assert asked[-1].at == AT + timedelta(seconds=39)
    assert asdict(kept.counters) == asdict(Counters(40, 20.0, 0, 0, 40, 0))


def test_a_damaged_line_costs_itself_alone(tmp_path: Path) -> None:
    record = Activity(tmp_path)
    record.record(event())
    with (tmp_path / "activity.jsonl").open("ab") as file:
        file.write(b'{"at": "never"}\n[1]\n\xff\n{"at"')
    assert len(record.read().events) == 1


def test_a_folder_that_cannot_be_written_fails_no_action(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    Activity(tmp_path / "file").record(event())
    assert "could not be recorded" in caplog.text
