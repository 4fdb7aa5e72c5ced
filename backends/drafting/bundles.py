"""Projects as files to take elsewhere: a bundle of one, or of a whole library, checked before it is let in.

A bundle is {"bundle", "version", "notice", "exported_at", "projects", "workspace"}; version 1 is the original's own.
notice names the incident drafts that nobody has reviewed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from backends.drafting.errors import NotAccepted
from backends.drafting.model import Library, Project
from backends.drafting.records import project_of
from backends.drafting.review import unreviewed
from backends.drafting.shapes import Unfit, plain

VERSION: Final = 2
PROJECT: Final = "olorin project"
LIBRARY: Final = "olorin library"


def project_bundle(project: Project, now: datetime) -> str:
    """One project, or the workspace, with everything that belongs to it."""
    library = Library().with_project(project)
    return _bundle(PROJECT, library.projects, library.workspace, now)


def library_bundle(library: Library, now: datetime) -> str:
    """Every project, and the workspace."""
    return _bundle(LIBRARY, library.projects, library.workspace, now)


def _bundle(kind: str, projects: tuple[Project, ...], workspace: Project | None, now: datetime) -> str:
    value = {
        "bundle": kind,
        "version": VERSION,
        "notice": unreviewed(projects),
        "exported_at": now.isoformat(),
        "projects": plain(projects),
        "workspace": plain(workspace),
    }
    return json.dumps(value, indent=1)


def is_bundle(record: object) -> bool:
    """Whether the JSON is one of ours."""
    return isinstance(record, dict) and record.get("bundle") in {PROJECT, LIBRARY}


def library_of(record: dict[str, Any]) -> Library:
    """What the bundle holds. Raises NotAccepted, which names the field."""
    if record.get("version") != VERSION:
        raise NotAccepted(f"bundle: version {record.get('version')} is not {VERSION}.")
    projects = record.get("projects")
    if not isinstance(projects, list):
        raise NotAccepted("bundle: projects is no list.")
    try:
        found = [project_of(each) for each in projects]
        workspace = record.get("workspace")
        library = Library(tuple(found), project_of(workspace) if workspace is not None else None)
    except Unfit as error:
        raise NotAccepted(f"bundle: {error}.") from error
    # Ids that clash are given anew where it is added, so they are no flaw here.
    if flaw := Library().admitted(library).flaw or replace(library, projects=()).flaw:
        raise NotAccepted(f"bundle: {flaw}.")
    return library
