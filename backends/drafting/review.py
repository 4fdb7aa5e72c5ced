"""Whether a person reviewed an incident draft, and what it cites, as they are now; until then every copy of it says
that nobody did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from backends.drafting.coverage import cited
from backends.drafting.model import Kind, Project
from backends.drafting.shapes import plain

WATERMARK: Final = "[DRAFT - NOT REVIEWED]"


def reviewed(project: Project) -> bool:
    """Whether a person marked exactly this draft, with the items that it cites, as reviewed."""
    return project.incident.reviewed == review_digest(project)


def mark_reviewed(project: Project) -> Project:
    """The project with its draft marked; any change of the draft, or of an item that it cites, takes the mark away."""
    return replace(project, incident=replace(project.incident, reviewed=review_digest(project)))


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


def review_digest(project: Project) -> str:
    """By what a reviewed draft is known again: its text and the cited items."""
    known = dict(enumerate(project.incident.items, 1))
    items = [plain(known[number]) for number in sorted(set(cited(project.draft))) if number in known]
    return hashlib.sha256(json.dumps([project.draft, items]).encode("ascii")).hexdigest()[:32]
