"""Whether a person reviewed an incident draft as it is now; until then every copy of it says that nobody did."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from backends.drafting.model import Kind, Project

WATERMARK: Final = "[DRAFT - NOT REVIEWED]"


def reviewed(project: Project) -> bool:
    """Whether a person marked exactly this draft as reviewed."""
    return project.incident.reviewed == draft_digest(project.draft)


def mark_reviewed(project: Project) -> Project:
    """The project with its draft marked; any change of the draft takes the mark away."""
    return replace(project, incident=replace(project.incident, reviewed=draft_digest(project.draft)))


def watermark(project: Project) -> str:
    """What every copy begins with; '' for prose, and for what was reviewed."""
    return WATERMARK if project.kind is Kind.INCIDENT and not reviewed(project) else ""


def leaving(project: Project) -> str:
    """The draft as it may be copied."""
    mark = watermark(project)
    return f"{mark}\n\n{project.draft}" if mark else project.draft


def unreviewed(projects: Iterable[Project]) -> str:
    """What a file that holds these projects whole says of them; '' where each is prose or reviewed."""
    titles = [project.title for project in projects if watermark(project)]
    return f"{WATERMARK} {', '.join(titles)}" if titles else ""


def draft_digest(draft: str) -> str:
    """By what a reviewed draft is known again."""
    return hashlib.sha256(draft.encode("utf-8", "surrogatepass")).hexdigest()[:32]
