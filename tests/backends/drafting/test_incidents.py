"""Incident drafts: numbered and masked evidence, covered sentences, a template without a model, a mark on copies."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backends.clients.errors import NotConfigured
from backends.clients.model import ModelClient
from backends.drafting.answer import Outcome
from backends.drafting.brief import build_brief
from backends.drafting.coverage import checked
from backends.drafting.documents import Format
from backends.drafting.errors import NotAccepted
from backends.drafting.evidence import Evidence, Template
from backends.drafting.incidents import (
    numbered,
    plain_draft,
    with_evidence,
    with_template,
    without_evidence,
)
from backends.drafting.model import Action, Kind, Project
from backends.drafting.options import DraftingOptions
from backends.drafting.personal import Personal
from backends.drafting.review import WATERMARK, leaving, mark_reviewed
from backends.drafting.service import DraftingService
from backends.safety.secrets import mask
from tests.backends.drafting.scripted import Endpoint, project, whole

Make = Callable[..., DraftingService]
AT = datetime(2026, 1, 20, 3, 4, 5, tzinfo=UTC)
ITEMS = (
    Evidence("gauges", "mongo db1:27017: 1,500 of 1,500 connections", AT),
    Evidence("sessions", "bot-7 on zoom: failed: ada@example.org was refused from 10.1.2.3", AT.replace(minute=2)),
)


def incident(draft: str = "", *items: Evidence) -> Project:
    return with_evidence(project(1, title="Pools", kind=Kind.INCIDENT, draft=draft), items or ITEMS)


def test_items_are_kept_once_in_their_order_and_can_be_dropped() -> None:
    start = with_evidence(incident(), ITEMS)
    assert start.incident.items == ITEMS
    dropped = without_evidence(start, 1)
    assert numbered(dropped.incident.items) == numbered(ITEMS)[1:]
    assert numbered(with_evidence(dropped, ITEMS).incident.items)[1].startswith("[3]")
    assert [each.problems for each in checked("Full [1]. A bot failed [2].", dropped.incident.items)] == [
        ("[1] is no item",),
        (),
    ]
    with pytest.raises(NotAccepted, match="at most 500"):
        with_evidence(start, [Evidence("x", str(number)) for number in range(500)])
    with pytest.raises(NotAccepted, match="evidence has 2,001 characters"):
        with_evidence(start, [Evidence("x", "y" * 2_001)])


def test_items_lose_secrets_and_escapes_where_they_come_in() -> None:
    mask.learn(["hunter3-hunter3"])
    [long] = incident("", Evidence("x", "y" * 2_000)).incident.items
    assert long.text == "y" * 2_000
    [item] = incident("", Evidence("x\x1b", "key hunter3-hunter3\x1b[2J")).incident.items
    assert (item.source, item.text) == ("x␛", "key ••••␛[2J")


@pytest.mark.parametrize(
    ("sentence", "problems"),
    [
        ("1500 connections are in use [1].", ()),
        ("At 03:04 all 1,500 were in use [1].", ()),
        ("On 20 January 2026 one bot failed [2].", ()),
        ("The pool is full.", ("cites nothing",)),
        ("The pool is full [3].", ("[3] is no item",)),
        ("About 1,600 connections [1].", ("1,600 is in no item",)),
        ("It began at 03:09 [1].", ("03:09 is in no item",)),
        ("12 hosts are down [1].", ("12 is in no item",)),
        ("4 users left at 03:04:05 UTC [1].", ("4 is in no item",)),
        ("It began on Jan 20, 2026 [1].", ()),
        ("It began on 2026-01-21 [1].", ("2026-01-21 is in no item",)),
        ("Fifty-five hosts, then dozens [1].", ("Fifty-five is in no item", "dozens is in no item")),
        ("Seven bots of ‹mail 1› failed [2].", ()),
        ("About 4000 users are affected:", ("cites nothing", "4000 is in no item")),
        ("# 4000 users lost data", ("cites nothing", "4000 is in no item")),
        ("All of the users are out:", ("cites nothing",)),
        ("# Status update: 4000 users", ("cites nothing", "4000 is in no item")),
        ("# Status update: Pools 7", None),
        ("Affected:", None),
        ("**Next update:**", None),
        ("## Now", None),
    ],
)
def test_each_sentence_must_be_covered(sentence: str, problems: tuple[str, ...] | None) -> None:
    found = checked(sentence, ITEMS, "Pools 7")
    assert [each.problems for each in found] == ([] if problems is None else [problems])


def test_sentences_are_told_apart_with_the_citations_behind_them() -> None:
    found = checked("The pool is full [1]. A bot failed. [2]\nNobody knows why.", ITEMS)
    assert [each.cites for each in found] == [(1,), (2,), ()]


@pytest.mark.parametrize("template", list(Template))
def test_the_plain_template_holds_every_item_and_is_covered(template: Template) -> None:
    draft = plain_draft(with_template(incident(), template))
    assert draft.startswith(f"# {template.value.capitalize()}: Pools")
    assert "[1]" in draft
    assert "[2]" in draft
    assert not [each for each in checked(draft, ITEMS, "Pools") if each.problems]
    if template is Template.POST_MORTEM:
        assert draft.index("[2]") < draft.index("[1]")


def test_the_payload_holds_no_personal_data_and_tells_people_apart() -> None:
    brief = build_brief(Action.WRITE, incident())
    sent = "\n".join(text for _, text in brief.messages)
    assert "ada@example.org" not in sent
    assert "10.1.2.3" not in sent
    assert "‹mail 1› was refused from ‹address 1›" in sent
    assert "[1] 2026-01-20 03:04:05 UTC · gauges: mongo db1:27017: 1,500 of 1,500 connections" in sent
    assert [label for label, _ in brief.sections] == ["ROLE", "CANON", "TEMPLATE", "STORY BIBLE", "ACTION"]
    assert "Write a status update" in brief.request


@pytest.mark.parametrize(
    ("personal", "kind"),
    [
        ("2001:db8::1", "address"),
        ("fe80::1%eth0", "address"),
        ("::ffff:10.1.2.3", "address"),
        ("2001:db8:0:0:0:0:0:1", "address"),
        ("aa:bb:cc:dd:ee:ff", "address"),
        ("10.0.0.7", "address"),
        ("4111111111111111", "card"),
        ("4111 1111 1111 1111", "card"),
        ("(415) 555-2671", "phone"),
        ("415-555-2671", "phone"),
        ("054-123 4567", "phone"),
        ("054-1234567", "phone"),
        ("+972 54-123-4567", "phone"),
        ("ada@bastion", "mail"),
        ("ada.b+c@mail.example.org", "mail"),
    ],
)
@pytest.mark.parametrize("around", ["{}", "from {}.", "({}), then", "“{}”: no"])
def test_personal_data_is_known_in_every_writing(personal: str, kind: str, around: str) -> None:
    assert Personal()(around.format(personal)) == around.format(f"‹{kind} 1›")


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-20 03:04:05 UTC", "at 03:04:05", "1,500 of 1,500", "std::vector", "16:9", "v1.2.3.4", "50:50:50",
        "run 1234567890123456", "0.75 0.125", "port 27017", "2026-11-21T23:59:59Z", "db1:27017", "10-20 30",
        "mongo::client", "550e8400-e29b-41d4-a716-446655440000", "7f3c2a1b9d8e", "020 of 300",
    ],
)  # fmt: skip
def test_numbers_that_tell_of_nobody_stay(text: str) -> None:
    assert Personal()(text) == text


async def test_exactly_the_shown_payload_is_sent(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [whole("The pool is full [1].")]
    service, start = make_service(), incident()
    brief = service.brief(start, Action.WRITE)
    _ = [event async for event in service.answer(start, Action.WRITE)]
    sent = [(each["role"], each["content"]) for each in endpoint.requests[0]["messages"]]
    assert sent == list(brief.messages)


async def test_without_a_key_the_evidence_fills_the_template(tmp_path: Path) -> None:
    client = ModelClient(NotConfigured("No model.", hint="Set OPENAI_API_KEY."))
    keyless = DraftingService(tmp_path, client, DraftingOptions())
    events = [event async for event in keyless.answer(incident(), Action.WRITE)]
    end = events[-1]
    assert isinstance(end, Outcome)
    assert (end.whole, end.attempts, end.model) == (True, 0, "no model: plain template")
    assert end.text == plain_draft(incident())
    with pytest.raises(NotConfigured):
        _ = [event async for event in keyless.answer(project(2), Action.WRITE)]


def test_every_copy_says_that_nobody_reviewed_it_until_somebody_did() -> None:
    start = incident("The pool is full [1].")
    assert leaving(start).startswith(WATERMARK)
    seen = mark_reviewed(start)
    assert leaving(seen) == "The pool is full [1]."
    assert leaving(replace(seen, draft="The pool was full [1].")).startswith(WATERMARK)
    assert leaving(without_evidence(seen, 2)) == "The pool is full [1]."
    assert leaving(without_evidence(seen, 1)).startswith(WATERMARK)
    assert leaving(project(2, draft="Prose.")) == "Prose."


async def test_a_bundle_says_what_in_it_nobody_reviewed(make_service: Make, tmp_path: Path) -> None:
    transfers, start = make_service().transfers, incident("The pool is full [1].")
    for each, said in ((start, f"{WATERMARK} Pools"), (mark_reviewed(start), "")):
        assert await transfers.export_bundle(each, tmp_path / "pools.json") == said
        assert json.loads((tmp_path / "pools.json").read_text())["notice"] == said


@pytest.mark.parametrize("form", list(Format))
async def test_every_format_carries_the_mark(make_service: Make, tmp_path: Path, form: Format) -> None:
    transfers = make_service().transfers
    path = tmp_path / f"out.{form.value}"
    await transfers.export(incident("The pool is full [1]."), form, path)
    assert WATERMARK in (await transfers.read(path)).text
    await transfers.export(mark_reviewed(incident("The pool is full [1].")), form, path)
    assert WATERMARK not in (await transfers.read(path)).text
