"""The gateway against an endpoint that fails in every way that endpoints do."""

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from backends.clients.errors import AccessDenied, BackendError, BadAnswer, CannotConnect, DeadlineExceeded
from backends.clients.model import ModelTarget
from backends.drafting.answer import Chunk, Event, Outcome, Usage, Waiting
from backends.drafting.brief import build_brief
from backends.drafting.cache import AnswerCache
from backends.drafting.errors import LimitReached, NotAccepted, NothingSaid
from backends.drafting.model import Action, Lane, Project
from backends.drafting.service import DraftingService
from backends.safety.secrets import mask
from tests.backends.drafting.scripted import DONE, Endpoint, Reply, event, failure, finish, project, text, whole

Make = Callable[..., DraftingService]
WHOLE = Outcome(
    Action.WRITE, Lane.NARRATION, "m", 0.8, "Yes.", Usage(2, 1, True), "stop", None,
    seconds=0.1, first_s=0.1, waited_s=0.0, attempts=1,
)  # fmt: skip


async def ask(
    service: DraftingService, about: Project, action: Action = Action.WRITE, wait: bool = True
) -> list[Event]:
    """All events of one answer."""
    async with aclosing(service.answer(about, action, wait=wait)) as events:
        return [each async for each in events]


def outcome(events: list[Event]) -> Outcome:
    """The outcome at the end."""
    assert isinstance(events[-1], Outcome)
    return events[-1]


async def test_an_answer_streams_in_and_ends_with_its_facts(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [whole("The rain", " stopped.")]
    events = await ask(make_service(), project(draft="He waited.", intensity=0.5))
    end = outcome(events)
    assert events[:-1] == [Chunk("The rain"), Chunk(" stopped.")]
    assert (end.text, end.finish_reason, end.broken, end.attempts) == ("The rain stopped.", "stop", None, 1)
    assert (end.usage.prompt_tokens, end.usage.completion_tokens, end.usage.measured) == (21, 4, True)
    assert (end.model, end.temperature, end.whole) == ("scripted-1", 0.625, True)
    [sent] = endpoint.requests
    assert (sent["model"], sent["temperature"], sent["stream"]) == ("asked-1", 0.625, True)
    assert sent["messages"][1]["content"].endswith("DRAFT:\nHe waited.")


async def test_escapes_and_markup_in_an_answer_are_text(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [whole("a\x1b", "]52;c;aGk=\x07b\r", "\n[@click=app.quit]x[/]", "\u202e\x9b31m\x00", "\ud800")]
    end = outcome(await ask(make_service(), project()))
    assert end.text == "a␛]52;c;aGk=␇b\n[@click=app.quit]x[/]\ufffd\ufffd31m␀\ufffd"


async def test_without_the_servers_count_the_usage_is_a_lower_bound(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [Reply([text("Six more words than none were."), finish(), DONE])]
    usage = outcome(await ask(make_service(), project())).usage
    assert (usage.completion_tokens, usage.measured) == (5, False)


@pytest.mark.parametrize("cut", [True, False], ids=["reset", "closed early"])
async def test_a_stream_that_breaks_off_keeps_what_came(
    make_service: Make, endpoint: Endpoint, tmp_path: Path, cut: bool
) -> None:
    endpoint.script = [Reply([text("Half a "), text("sentence")], cut=cut)]
    end = outcome(await ask(make_service(), project()))
    assert (end.text, end.finish_reason, end.attempts, end.whole) == ("Half a sentence", None, 1, False)
    assert end.broken is not None
    [journal] = (tmp_path / "drafting/journal").iterdir()
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line.get("text") for line in lines[1:-1]] == ["Half a ", "sentence"]
    assert lines[-1] == {"end": "broken"}


async def test_a_connection_that_breaks_after_the_finish_reason_costs_only_the_usage(
    make_service: Make, endpoint: Endpoint
) -> None:
    endpoint.script = [Reply([text("All said."), finish()], cut=True)]
    end = outcome(await ask(make_service(), project()))
    assert (end.text, end.whole, end.usage.measured) == ("All said.", True, False)


@pytest.mark.parametrize(
    "garbage",
    [b"data: {not json\n\n", b"data: \xff\xfe\n\n", event("a string"), event({"choices": [{"delta": {"content": 7}}]})],
    ids=["no json", "no utf-8", "no object", "no text"],
)
async def test_a_malformed_stream_is_broken_where_it_starts_to_be(
    make_service: Make, endpoint: Endpoint, garbage: bytes
) -> None:
    endpoint.script = [Reply([text("Good so far"), garbage, text("never read"), finish(), DONE])]
    end = outcome(await ask(make_service(), project()))
    assert (end.text, end.whole) == ("Good so far", False)
    assert end.broken is not None
    assert end.broken.kind == "bad answer"


async def test_an_endless_stream_ends_at_the_deadline_with_its_text(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [Reply([text("and so on")], hold=True)]
    end = outcome(await ask(make_service(timeout_s=0.3), project()))
    assert end.text == "and so on"
    assert end.broken is not None
    assert end.broken.kind == "too slow"


async def test_an_answer_longer_than_any_draft_is_cut_off(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [Reply([text("x" * 200_000)] * 7, hold=True)]
    end = outcome(await ask(make_service(), project()))
    assert len(end.text) == 1_200_000
    assert end.broken is not None
    assert "longer than" in end.broken.message


@pytest.mark.parametrize("pieces", [[], [b"<html>portal</html>"], [DONE]], ids=["nothing", "a web page", "only done"])
async def test_an_empty_answer_is_asked_for_again_and_then_a_failure(
    make_service: Make, endpoint: Endpoint, pieces: list[bytes]
) -> None:
    endpoint.script = [Reply(pieces)]
    with pytest.raises(BadAnswer, match="broke off"):
        await ask(make_service(retries=2), project())
    assert len(endpoint.requests) == 3


async def test_a_model_that_says_nothing_is_not_asked_again(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [Reply([finish("content_filter"), DONE])]
    with pytest.raises(NothingSaid, match="content_filter"):
        await ask(make_service(), project())
    assert len(endpoint.requests) == 1


async def test_retry_after_is_obeyed_and_shown(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [failure(429, **{"Retry-After": "0.4"}), whole("Now.")]
    events = await ask(make_service(), project())
    [pause] = [each for each in events if isinstance(each, Waiting)]
    assert (pause.seconds, pause.attempt) == (0.4, 2)
    assert pause.problem is not None
    assert endpoint.times[1] - endpoint.times[0] >= 0.4
    assert outcome(events).attempts == 2
    assert outcome(events).waited_s == 0.4


async def test_without_retry_after_the_pauses_double(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [failure(429), failure(500), failure(503), whole("Now.")]
    events = await ask(make_service(), project())
    first, second, third = (each.seconds for each in events if isinstance(each, Waiting))
    assert 0.0075 <= first <= 0.0125
    assert 0.015 <= second <= 0.025
    assert 0.03 <= third <= 0.05
    assert outcome(events).text == "Now."


async def test_an_endpoint_that_asks_to_wait_for_long_is_given_up(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [failure(429, **{"Retry-After": "3600"})]
    with pytest.raises(DeadlineExceeded) as raised:
        await ask(make_service(), project())
    assert "3,600 s" in raised.value.hint


@pytest.mark.parametrize(
    ("status", "error"), [(400, BadAnswer), (401, AccessDenied), (403, AccessDenied), (404, BadAnswer)]
)
async def test_what_retrying_cannot_mend_is_asked_once(
    make_service: Make, endpoint: Endpoint, status: int, error: type[Exception]
) -> None:
    endpoint.script = [failure(status)]
    with pytest.raises(error):
        await ask(make_service(), project())
    assert len(endpoint.requests) == 1


async def test_a_used_up_quota_is_not_asked_again(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [failure(429, code="insufficient_quota")]
    with pytest.raises(AccessDenied, match="quota"):
        await ask(make_service(), project())
    assert len(endpoint.requests) == 1


async def test_nobody_answers_there(make_service: Make) -> None:
    with pytest.raises(CannotConnect):
        await ask(make_service(url="http://127.0.0.1:9/v1", retries=1), project())


async def test_every_request_counts_retries_included(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [failure(500), whole("Now.")]
    service = make_service(calls=3)
    await ask(service, project())
    assert (await service.allowance()).left == 1
    await ask(service, project())
    with pytest.raises(LimitReached) as raised:
        await ask(service, project(), wait=False)
    assert 55 < raised.value.wait_s <= 60.25
    assert len(endpoint.requests) == 3


async def test_stopping_takes_no_time_and_keeps_what_came(
    make_service: Make, endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.script = [Reply([text("Kept")], hold=True)]
    came = asyncio.Event()
    kept: list[str] = []

    async def listen() -> None:
        async for each in make_service().answer(project(), Action.WRITE):
            assert isinstance(each, Chunk)
            kept.append(each.text)
            came.set()

    listening = asyncio.create_task(listen())
    await came.wait()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(listening, 10)
    await asyncio.wait_for(endpoint.hung_up.wait(), 10)
    assert kept == ["Kept"]
    [journal] = (tmp_path / "drafting/journal").iterdir()
    assert journal.read_text().splitlines()[-1] == '{"end": "stopped"}'


async def test_secrets_leave_only_masked(make_service: Make, endpoint: Endpoint) -> None:
    mask.learn(["hunter2-hunter2"])
    endpoint.script = [whole("Ok.")]
    await ask(make_service(), project(draft="The password was hunter2-hunter2."))
    assert "hunter2" not in json.dumps(endpoint.requests)


async def test_a_draft_that_an_action_cannot_take_is_refused_before_any_call(
    make_service: Make, endpoint: Endpoint
) -> None:
    with pytest.raises(NotAccepted, match="nothing to trim"):
        await ask(make_service(), project(), Action.TRIM)
    with pytest.raises(NotAccepted, match="100,001 characters"):
        await ask(make_service(), project(draft="x" * 100_001), Action.REWRITE)
    assert endpoint.requests == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (failure(429), "rate limit"),
        (failure(429, code="insufficient_quota"), "quota"),
        (failure(401), "invalid key"),
        (failure(404), "bad answer"),
        (failure(500), "bad answer"),
        (Reply([], hold=True), "too slow"),
    ],
)
async def test_each_failure_has_its_class_and_says_what_to_do(
    make_service: Make, endpoint: Endpoint, reply: Reply, kind: str
) -> None:
    endpoint.script = [reply]
    with pytest.raises(BackendError) as raised:
        await ask(make_service(retries=0, timeout_s=0.3), project())
    assert raised.value.kind == kind
    assert raised.value.hint
    assert "sk-test" not in raised.value.message + raised.value.where


async def test_the_rest_of_a_broken_answer_is_asked_for_with_what_came(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [Reply([text("He st")], cut=True), whole("ayed.")]
    service, start = make_service(), project(draft="He waited.")
    first = outcome(await ask(service, start, Action.REWRITE))
    brief = service.rest(start, Action.REWRITE, first.text)
    rest = [event async for event in service.send(start, brief)]
    assert outcome(rest).text == "ayed."
    messages = endpoint.requests[1]["messages"]
    assert [each["role"] for each in messages] == ["system", "user", "assistant", "user"]
    assert messages[:2] == endpoint.requests[0]["messages"]
    assert messages[2]["content"] == "He st"


async def test_an_answer_is_kept_for_its_exact_request_only(make_service: Make, endpoint: Endpoint) -> None:
    endpoint.script = [whole("Yes.")]
    service = make_service()

    async def asked(start: Project, *, cached: bool) -> Outcome:
        return outcome([event async for event in service.answer(start, Action.REWRITE, cached=cached)])

    start = project(draft="He waited.")
    assert not (await asked(start, cached=True)).cached
    again = await asked(start, cached=True)
    assert (again.cached, again.text, again.attempts, again.usage.prompt_tokens) == (True, "Yes.", 0, 0)
    assert not (await asked(start, cached=False)).cached
    assert not (await asked(replace(start, intensity=0.5), cached=True)).cached
    assert len(endpoint.requests) == 3
    assert (await service.allowance()).left == 7


def test_the_cache_forgets_by_age_and_by_number() -> None:
    clock = [0.0]
    cache = AnswerCache(300.0, entries=2, now=lambda: clock[0])
    target = ModelTarget("http://127.0.0.1:9/v1", "sk-test-0123456789", "m")
    briefs = [build_brief(Action.WRITE, project(draft=f"Draft {number}.")) for number in range(3)]
    for brief in briefs:
        cache.put(target, brief, WHOLE)
    assert [cache.get(target, brief) is not None for brief in briefs] == [False, True, True]
    assert cache.get(replace(target, model="other"), briefs[2]) is None
    clock[0] = 300.0
    assert cache.get(target, briefs[2]) is None
    assert len(cache) == 0
    cache.put(target, briefs[0], replace(WHOLE, finish_reason="length"))
    assert len(cache) == 0
    never = AnswerCache(0.0)
    never.put(target, briefs[0], WHOLE)
    assert len(never) == 0
