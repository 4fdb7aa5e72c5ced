"""Drafting on the demo's endpoint, a process of its own that speaks the OpenAI API and misbehaves when asked to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from backends.clients.errors import AccessDenied, BackendError, BadAnswer, DeadlineExceeded
from backends.clients.model import ModelClient, ModelTarget
from backends.drafting.answer import Chunk, Event, Outcome, Waiting
from backends.drafting.errors import NothingSaid
from backends.drafting.model import Action
from backends.drafting.options import DraftingOptions
from backends.drafting.service import DraftingService
from console.demo.service import MODEL
from tests.backends.drafting.scripted import project
from tests.model_endpoint import KEY, demo_endpoint


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint's."""
    with demo_endpoint(tmp_path_factory.mktemp("endpoint")) as url:
        yield url


@asynccontextmanager
async def drafting(
    url: str, folder: Path, model: str, key: str = KEY, timeout_s: float = 10.0
) -> AsyncIterator[DraftingService]:
    client = ModelClient(ModelTarget(url, key, model, timeout_s))
    try:
        yield DraftingService(folder, client, DraftingOptions(backoff_s=0.01, retries=1))
    finally:
        await client.aclose()


async def ask(service: DraftingService) -> list[Event]:
    async with aclosing(service.answer(project(draft="The lantern went out."), Action.WRITE)) as events:
        return [event async for event in events]


async def test_it_writes_and_counts(url: str, tmp_path: Path) -> None:
    async with drafting(url, tmp_path, MODEL) as service:
        events = await ask(service)
    outcome = events[-1]
    assert isinstance(outcome, Outcome)
    assert outcome.text == "".join(event.text for event in events if isinstance(event, Chunk))
    assert "no language model" in outcome.text
    assert (outcome.model, outcome.whole, outcome.usage.measured) == (MODEL, True, True)
    assert outcome.usage.completion_tokens > 20


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("fault-401", AccessDenied),
        ("fault-quota", AccessDenied),
        ("fault-429", DeadlineExceeded),
        ("fault-500", BadAnswer),
        ("fault-empty", NothingSaid),
        ("fault-garbage", BadAnswer),
    ],
)
async def test_each_fault_is_an_error_of_its_own(
    url: str, tmp_path: Path, model: str, error: type[BackendError]
) -> None:
    async with drafting(url, tmp_path, model) as service:
        with pytest.raises(error):
            await ask(service)


async def test_a_wrong_key_is_refused(url: str, tmp_path: Path) -> None:
    async with drafting(url, tmp_path, MODEL, key="sk-wrong-0123456789") as service:
        with pytest.raises(AccessDenied):
            await ask(service)


@pytest.mark.parametrize(
    ("model", "timeout_s", "kind"),
    [("fault-cut", 10.0, "cannot connect"), ("fault-endless", 0.5, "too slow"), ("fault-slow", 3.0, "too slow")],
)
async def test_an_answer_that_does_not_end_keeps_its_text(
    url: str, tmp_path: Path, model: str, timeout_s: float, kind: str
) -> None:
    async with drafting(url, tmp_path, model, timeout_s=timeout_s) as service:
        events = await ask(service)
    outcome = events[-1]
    assert isinstance(outcome, Outcome)
    assert outcome.text
    assert outcome.broken is not None
    assert outcome.broken.kind == kind
    assert not any(isinstance(event, Waiting) for event in events)
