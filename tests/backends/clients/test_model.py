"""The list of an endpoint's models: shows that it answers and takes the key."""

from collections.abc import AsyncIterator

import pytest

from backends.clients.errors import AccessDenied, BackendError, BadAnswer, CannotConnect
from backends.clients.model import ModelClient, ModelTarget
from tests.backends.drafting.scripted import Endpoint, Reply, failure, running_endpoint

KEY = "sk-c4n4ry-of-the-model"


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    """An endpoint that answers what the test scripts."""
    async with running_endpoint() as scripted:
        yield scripted


async def listed(url: str) -> frozenset[str]:
    client = ModelClient(ModelTarget(url, KEY, "small"))
    try:
        return await client.models()
    finally:
        await client.aclose()


async def test_names_of_the_models(endpoint: Endpoint) -> None:
    endpoint.script = [Reply([b'{"data": [{"id": "small"}, {"id": "large"}]}'])]
    assert await listed(endpoint.url) == {"small", "large"}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (failure(401), AccessDenied),
        (failure(403), BadAnswer),
        (failure(500), BadAnswer),
        (Reply([b"<html>"]), BadAnswer),
        (Reply([b'{"data": [1]}']), BadAnswer),
        (Reply([b"["], cut=True), CannotConnect),
    ],
)
async def test_answers_that_are_none(endpoint: Endpoint, reply: Reply, error: type[BackendError]) -> None:
    endpoint.script = [reply]
    with pytest.raises(error) as caught:
        await listed(endpoint.url)
    assert KEY not in f"{caught.value} {caught.value.where} {caught.value.hint}"


async def test_nobody_there() -> None:
    with pytest.raises(CannotConnect):
        await listed("http://127.0.0.1:1/v1")
