"""What `olorin draft run` tells beside the answer: the brief as it would be sent, and what no evidence covers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from backends.safety.text import display_text, display_whole

if TYPE_CHECKING:
    from backends.drafting.brief import Brief
    from backends.drafting.model import Project


def brief_value(title: str, brief: Brief) -> dict[str, Any]:
    """The brief as the command's JSON; tokens are an estimate."""
    from backends.drafting.retrieval import origins

    return {
        "project": title,
        "action": brief.action,
        "lane": brief.lane,
        "temperature": brief.temperature,
        "tokens": brief.tokens,
        "exemplars": origins(brief.exemplars),
        "messages": [{"role": role, "content": text} for role, text in brief.messages],
    }


def brief_lines(brief: Brief) -> list[str]:
    """The brief as people read it."""
    return list(_lines(brief))


def _lines(brief: Brief) -> Iterator[str]:
    from backends.drafting.retrieval import origins

    yield f"{brief.action.value} in {brief.lane.value} at {brief.temperature:g}, about {brief.tokens:,} tokens"
    yield from (f"exemplar {each}" for each in origins(brief.exemplars))
    for role, text in brief.messages:
        yield f"-- {role} --"
        yield from display_whole(text).split("\n")


def uncovered_value(text: str, project: Project) -> dict[str, Any]:
    """For an incident the sentences that something is wrong with, as JSON; nothing for prose."""
    from backends.drafting.coverage import uncovered
    from backends.drafting.model import Kind

    return {"uncovered": list(uncovered(text, project))} if project.kind is Kind.INCIDENT else {}


def uncovered_lines(value: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    for each in value.get("uncovered", ()):
        yield f"olorin: not covered: {'; '.join(each.problems)}: {display_text(each.text)}"
