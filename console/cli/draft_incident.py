"""`olorin draft incident`: what every system shows now, as the evidence of an incident project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from backends.drafting.evidence import Template
from console.cli.draft_ends import ended
from console.cli.reporting import emit, reporting, with_services
from console.settings import load_settings

if TYPE_CHECKING:
    from backends.drafting.model import Project
    from console.wiring import Services

NAMES: Final = {template.value.replace(" ", "-"): template for template in Template}


@dataclass(frozen=True, slots=True)
class Item:
    """A numbered item; at is UTC, None where unknown."""

    n: int
    source: str
    text: str
    at: datetime | None


@click.command()
@reporting
@click.option("--project", "name", required=True, metavar="NAME", help="The incident's title.")
@click.option("--template", type=click.Choice(list(NAMES)), help="What the draft is to become.")
def incident(name: str, template: str | None, env_file: Path | None, as_json: bool) -> None:
    """Collect evidence from every system into an incident project; `draft run write` then drafts from it."""
    from backends.drafting.incidents import kept

    chosen = NAMES[template] if template else None
    project = ended(lambda: with_services(load_settings(env_file), lambda services: _collect(services, name, chosen)))
    items = [Item(n, each.source, each.text, each.at) for n, each in kept(project.incident.items)]
    value = {"project": project.title, "template": project.incident.template, "items": items}
    emit(value, as_json, lambda: _lines(project))


def _lines(project: Project) -> list[str]:
    from backends.drafting.incidents import numbered

    return [f"{project.incident.template.value}: {project.title}", *numbered(project.incident.items)]


async def _collect(services: Services, name: str, template: Template | None) -> Project:
    from backends.clients.errors import NotThere
    from backends.drafting.errors import NotAccepted
    from backends.drafting.incidents import with_evidence, with_template
    from backends.drafting.model import Kind

    service = services.drafting
    try:
        known = await service.find(name)
    except NotThere:
        known = await service.create(name, kind=Kind.INCIDENT)
    if known.kind is not Kind.INCIDENT:
        raise NotAccepted(f"“{known.title}” is no incident but {known.kind.value}: name another project.")
    opened = await service.open(known.id)
    try:
        changed = with_evidence(opened.project, await services.evidence())
        changed = with_template(changed, template) if template else changed
        return (await service.save(opened, changed)).project
    finally:
        opened.close()
