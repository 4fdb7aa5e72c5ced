"""Asking the model about a project: from the cache, from the endpoint, or without one; journalled and recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path

from backends.clients.errors import BackendError, NotConfigured
from backends.drafting.activity import SLOW_CALL_S, Activity
from backends.drafting.activity import Event as ActivityEvent
from backends.drafting.answer import Chunk, Event, Outcome, Usage
from backends.drafting.brief import Brief
from backends.drafting.cache import AnswerCache
from backends.drafting.errors import in_words
from backends.drafting.gateway import ModelGateway
from backends.drafting.incidents import plain_draft
from backends.drafting.journal import Journal
from backends.drafting.model import Action, Kind, Project

_log = logging.getLogger(__name__)


class Conversation:
    """Every answer of one state folder. Raises BackendError only. telemetry: the times of each call are logged."""

    def __init__(
        self, gateway: ModelGateway, cache: AnswerCache, activity: Activity, journals: Path, now: Callable[[], datetime]
    ) -> None:
        self._gateway = gateway
        self._cache = cache
        self._activity = activity
        self._journals = journals
        self._now = now
        self.telemetry = False

    async def answer(self, project: Project, brief: Brief, *, wait: bool, cached: bool) -> AsyncGenerator[Event, None]:
        """The answer's events; a template stands in where an incident has evidence and no model is configured."""
        known = self._known(project, brief, cached=cached)
        if known is not None:
            yield Chunk(known.text)
            yield known
            self._record(project, brief, known, len(known.text.split()), [])
            return
        missed = cached and self._cache.on
        async with aclosing(self._ask(project, brief, wait=wait, missed=missed)) as events:
            async for event in events:
                yield event

    def _known(self, project: Project, brief: Brief, *, cached: bool) -> Outcome | None:
        """An answer for which nobody need be asked."""
        try:
            target = self._gateway.target
        except NotConfigured:
            if project.kind is Kind.INCIDENT and brief.action is Action.WRITE:
                return plain_outcome(brief, plain_draft(project))
            raise
        return self._cache.get(target, brief) if cached else None

    async def _ask(self, project: Project, brief: Brief, *, wait: bool, missed: bool) -> AsyncGenerator[Event, None]:
        """The model's answer to exactly this brief. What came is in the journal however it ends."""
        target = self._gateway.target
        _log.debug(
            "asking for %s: about %d tokens, %d exemplars", brief.action.value, brief.tokens, len(brief.exemplars)
        )
        journal = await asyncio.to_thread(in_words, self._journal, project, brief)
        end, outcome, said = "stopped", None, 0
        took: list[float] = []
        try:
            async with aclosing(self._gateway.answer(brief, wait=wait, took=took)) as events:
                async for event in events:
                    if isinstance(event, Outcome):
                        end, outcome = event.finish_reason or "broken", event
                        self._cache.put(target, brief, event)
                    elif isinstance(event, Chunk):
                        journal.chunk(event.text)
                        said += len(event.text.split())
                    yield event
        except BackendError as error:
            end = error.kind
            raise
        finally:
            journal.end(end)
            self._record(project, brief, outcome, said, took, missed=missed)

    def _journal(self, project: Project, brief: Brief) -> Journal:
        head: dict[str, object] = {"action": brief.action.value, "lane": brief.lane.value}
        journal = Journal(self._journals, project.id, head, self._now())
        if brief.so_far:
            journal.chunk(brief.so_far)
        return journal

    def _record(
        self,
        project: Project,
        brief: Brief,
        outcome: Outcome | None,
        said: int,
        took: Sequence[float],
        *,
        missed: bool = False,
    ) -> None:
        if self.telemetry and outcome is not None:
            _log.info("telemetry: %s", _times(outcome))
        self._activity.record(
            ActivityEvent(
                self._now(),
                brief.action.value,
                str(project.id),
                words=project.words,
                changed=said,
                lane=brief.lane.value,
                use_ai=outcome is None or outcome.attempts > 0 or outcome.cached,
                calls=len(took),
                slow=sum(seconds > SLOW_CALL_S for seconds in took),
                cached=outcome is not None and outcome.cached,
                missed=missed,
                ok=outcome is not None and outcome.whole,
                seconds=sum(took) if took else None,
            )
        )


def _times(outcome: Outcome) -> str:
    first = f"{outcome.first_s:.3f} s" if outcome.first_s is not None else "no data"
    return (
        f"{outcome.action.value} in {outcome.seconds:.3f} s, first text after {first}, waited {outcome.waited_s:.3f} s,"
        f" {outcome.attempts} attempts, {outcome.usage.completion_tokens} tokens"
    )


def plain_outcome(brief: Brief, text: str) -> Outcome:
    """A template that was filled without a model, as if it were an answer."""
    nothing = Usage(0, 0, measured=True)
    return Outcome(
        brief.action, brief.lane, "no model: plain template", brief.temperature, text, nothing, "stop", None,
        seconds=0.0, first_s=0.0, waited_s=0.0, attempts=0,
    )  # fmt: skip
