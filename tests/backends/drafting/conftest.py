"""Drafting services on a scripted endpoint, in a state folder of the test's own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from backends.clients.model import ModelClient, ModelTarget
from backends.drafting.options import DraftingOptions
from backends.drafting.service import DraftingService
from tests.backends.drafting.scripted import Endpoint, running_endpoint

KEY = "sk-test-0123456789"


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    """A running endpoint without a script."""
    async with running_endpoint() as served:
        yield served


@pytest.fixture
async def make_service(tmp_path: Path, endpoint: Endpoint) -> AsyncIterator[Callable[..., DraftingService]]:
    """Makes services on the endpoint (or another url) that share one state folder, as processes would."""
    async with AsyncExitStack() as stack:

        def make(url: str = "", timeout_s: float = 10.0, **options: Any) -> DraftingService:
            client = ModelClient(ModelTarget(url or endpoint.url, KEY, "asked-1", timeout_s))
            stack.push_async_callback(client.aclose)
            return DraftingService(tmp_path / "drafting", client, DraftingOptions(backoff_s=0.01, **options))

        yield make
