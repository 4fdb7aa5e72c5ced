"""The gateway to the model: every call counted, every failure retried where that can help, every pause announced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from backends.clients.errors import BackendError, DeadlineExceeded
from backends.clients.model import ModelClient, ModelTarget, model_errors
from backends.drafting.answer import Chunk, Event, Outcome, Usage, Waiting
from backends.drafting.brief import Brief
from backends.drafting.errors import LimitReached
from backends.drafting.limit import CallLimit
from backends.drafting.retrying import can_help, pause_before
from backends.drafting.rules import least_tokens
from backends.drafting.stream import Received, receive

LONGEST_PAUSE_S: Final = 120.0
"""Seconds that an endpoint's Retry-After is obeyed by waiting; for longer ones the call is given up."""


class ModelGateway:
    """Calls the model, one streamed answer at a time.

    retries: attempts after the first; backoff_s: the first pause, which doubles each time.
    """

    def __init__(self, client: ModelClient, limit: CallLimit, retries: int = 3, backoff_s: float = 1.0) -> None:
        self.limit = limit
        self._client = client
        self._retries = retries
        self._backoff_s = backoff_s

    @property
    def target(self) -> ModelTarget:
        """Where it asks. Raises NotConfigured."""
        return self._client.target

    async def answer(self, brief: Brief, *, wait: bool, took: list[float]) -> AsyncGenerator[Event, None]:
        """The answer's events; the last one is its Outcome. Ends within milliseconds of being cancelled or closed.

        took gets the seconds of each request as it ends, however it ends. wait: whether to wait for the limit;
        LimitReached is raised otherwise. Raises BackendError where no text came; an answer that broke off midway is an
        Outcome that says so.
        """
        target = self.target
        with model_errors(target):
            client = await self._client.get()
        waited_s, attempt = 0.0, 0
        while True:
            attempt += 1
            async for pause in self._turn(attempt, wait=wait):
                waited_s += pause.seconds
                yield pause
            received, problem, started = Received(), None, time.monotonic()
            try:
                async with aclosing(receive(client, target, brief, received)) as texts:
                    async for text in texts:
                        yield Chunk(text)
            except BackendError as error:
                problem = error
            finally:
                took.append(time.monotonic() - started)
            if problem is None or received.parts:
                yield _outcome(brief, target, received, problem, waited_s, attempt)
                return
            retry = self._retry(problem, attempt)
            waited_s += retry.seconds
            yield retry
            await asyncio.sleep(retry.seconds)

    async def _turn(self, attempt: int, *, wait: bool) -> AsyncGenerator[Waiting, None]:
        """Counts the attempt against the limit; yields each pause and then makes it. Raises LimitReached."""
        while (seconds := await self.limit.take()) > 0:
            if not wait:
                raise LimitReached(seconds, self.limit.calls or 0, self.limit.window_s)
            yield Waiting(seconds, attempt)
            await asyncio.sleep(seconds)

    def _retry(self, problem: BackendError, attempt: int) -> Waiting:
        """The pause before the next attempt; raises the problem where there is none."""
        if attempt > self._retries or not can_help(problem):
            raise problem
        seconds = pause_before(attempt + 1, problem, self._backoff_s)
        if seconds > LONGEST_PAUSE_S:
            hint = f"The endpoint asks to come back in {seconds:,.0f} s."
            raise DeadlineExceeded(problem.message, where=problem.where, hint=hint) from problem
        return Waiting(seconds, attempt + 1, problem.problem())


def _outcome(
    brief: Brief, target: ModelTarget, received: Received, problem: BackendError | None, waited_s: float, attempts: int
) -> Outcome:
    started = received.started
    return Outcome(
        action=brief.action,
        lane=brief.lane,
        model=received.model or target.model,
        temperature=brief.temperature,
        text=received.text,
        usage=_usage(brief, received),
        finish_reason=received.finish_reason,
        broken=problem.problem() if problem else None,
        seconds=time.monotonic() - started,
        first_s=received.first_at - started if received.first_at is not None else None,
        waited_s=waited_s,
        attempts=attempts,
    )


def _usage(brief: Brief, received: Received) -> Usage:
    if received.tokens is not None:
        return Usage(*received.tokens, measured=True)
    return Usage(least_tokens(brief.instructions + brief.request), least_tokens(received.text), measured=False)
