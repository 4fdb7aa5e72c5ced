"""`olorin draft import`, `export`, `restore`: what comes in, what leaves, what is brought back."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from backends.safety.text import display_text
from console.cli.draft_ends import ended, using_drafting
from console.cli.reporting import columns, emit, reporting, say
from console.settings import load_settings

if TYPE_CHECKING:
    from backends.drafting.model import Project
    from backends.drafting.service import DraftingService
    from backends.drafting.statistics import Statistics
    from backends.drafting.transfers import Imported

FORMATS = ("txt", "md", "docx", "bundle")

project_option = click.option("--project", "name", required=True, metavar="NAME", help="The project's title or id.")
any_project_option = click.option("--project", "name", metavar="NAME", help="The project's title or id.")


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """A project as the commands list it; updated_at is UTC."""

    id: UUID
    title: str
    bay: str
    kind: str
    words: int
    updated_at: datetime


@click.command()
@reporting
def projects(env_file: Path | None, as_json: bool) -> None:
    """List the projects."""
    loaded = using_drafting(load_settings(env_file), lambda service: service.load())
    for note in loaded.notes:
        say(note)
    lines = [project_line(project) for project in loaded.library.projects]
    emit({"projects": lines}, as_json, lambda: table(lines))


@click.command("import")
@reporting
@any_project_option
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Take the draft's place instead of following it.")
@click.option("--repair", is_flag=True, help="Put text right that was decoded wrongly.")
def import_(file: Path, name: str | None, replace: bool, repair: bool, env_file: Path | None, as_json: bool) -> None:
    """Put the text of a .txt, .md or .docx FILE into a project, which is made where there is none.

    A .json FILE is a bundle, or the original's state file or a backup of it: its projects are added.
    """
    from backends.drafting.transfers import is_bundle_file

    if name is None and not is_bundle_file(file):
        raise click.UsageError("--project NAME says where the text goes.")
    imported = using_drafting(
        load_settings(env_file), lambda service: _import(service, file, name, replacing=replace, repairing=repair)
    )
    for note in imported.notes:
        say(note)
    if imported.repair is not None:
        places = imported.repair.places
        say(f"{display_text(file.name)} looks wrongly decoded in {places} places; --replace --repair puts it right.")
    lines = [project_line(project) for project in imported.projects]
    emit({"projects": lines}, as_json, lambda: table(lines))


async def _import(
    service: DraftingService, file: Path, name: str | None, *, replacing: bool, repairing: bool
) -> Imported:
    if name is None:
        return await service.transfers.import_bundle(file)
    return await service.transfers.import_document(file, name, replacing=replacing, repairing=repairing)


@click.command()
@reporting
@any_project_option
@click.option("--format", "form", type=click.Choice(FORMATS), default="txt", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write.")
def export(name: str | None, form: str, out: Path, env_file: Path | None, as_json: bool) -> None:
    """Write a project's draft to a file, or a bundle with all of it; a bundle of no project is the whole library."""
    if name is None and form != "bundle":
        raise click.UsageError("--project NAME says what to write.")
    title = using_drafting(load_settings(env_file), lambda service: _export(service, name, form, out))
    emit({"project": title, "format": form, "file": str(out)}, as_json, lambda: [display_text(out)])


async def _export(service: DraftingService, name: str | None, form: str, out: Path) -> str | None:
    from backends.drafting.documents import Format
    from backends.drafting.review import watermark

    project = await service.find(name) if name is not None else None
    if form == "bundle" or project is None:
        if notice := await service.transfers.export_bundle(project, out):
            say(f"olorin: the bundle holds what nobody has marked as reviewed: {display_text(notice)}.")
        return project.title if project else None
    await service.transfers.export(project, Format(form), out)
    if mark := watermark(project):
        say(f"olorin: nobody has marked this draft as reviewed: the file begins with {mark}.")
    return project.title


@click.command()
@reporting
@any_project_option
@click.option("--from", "number", type=int, metavar="N", help="The backup to restore; 1 is the newest.")
def restore(name: str | None, number: int | None, env_file: Path | None, as_json: bool) -> None:
    """List the backups, or bring a project back as it was in one of them."""
    settings = load_settings(env_file)
    if number is None:
        found = using_drafting(settings, lambda service: service.backups())
        rows: list[tuple[str, ...]] = [("backup", "saved (UTC)", "projects", "words", "state")]
        rows += [each.row for each in found]
        emit({"backups": found}, as_json, lambda: columns(rows))
        return
    if name is None:
        raise click.UsageError("--project NAME says what to bring back.")
    title = name
    project = using_drafting(settings, lambda service: service.restore(title, number))
    say(f"{project.title} is as it was in backup {number}; the draft that it had is in backup 1.")
    emit({"projects": [project_line(project)]}, as_json, lambda: table([project_line(project)]))


@click.command()
@reporting
@click.option("--out", type=click.Path(path_type=Path), help="Write them to this file as JSON as well.")
def stats(out: Path | None, env_file: Path | None, as_json: bool) -> None:
    """Calls to the model, their times, the cache, saves, writing and projects in figures; no text."""
    from backends.drafting.documents import write_document
    from backends.sampling.jsonable import to_json

    found = using_drafting(load_settings(env_file), lambda service: service.statistics())
    if out is not None:
        ended(lambda: write_document(out, to_json(found).encode("ascii")))
    emit(found, as_json, lambda: columns(_figures(found)))


def _figures(found: Statistics) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(each.name, f"{'on' if each.on else 'off'}: {each.why}") for each in found.switches]
    for part in (found.monitor, found.session, found.writing, found.library):
        rows += [(field.name, _figure(getattr(part, field.name))) for field in fields(part)]
    return rows


def _figure(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} {name}" for name, count in value.items()) or "none"
    return "no data" if value is None else str(value)


def project_line(project: Project) -> ProjectLine:
    """The project in a line."""
    return ProjectLine(
        project.id, project.title, project.bay.value, project.kind.value, project.words, project.updated_at
    )


def table(lines: list[ProjectLine]) -> list[str]:
    """The lines as a table."""
    rows: list[tuple[str, ...]] = [("id", "title", "bay", "words", "updated (UTC)")]
    rows += [
        (str(each.id), each.title, each.bay, f"{each.words:,}", f"{each.updated_at:%Y-%m-%d %H:%M:%S}")
        for each in lines
    ]
    return columns(rows)
