"""`olorin content`: one content with its embeddings; embedding it again, proving that it is indexed, undeleting it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backends.orphans.values import ANY_HEX
from console.cli.consenting import confirm_option, consent
from console.cli.exit_codes import ExitCode
from console.cli.reporting import columns, emit, reporting, say, with_services
from console.settings import load_settings

if TYPE_CHECKING:
    from backends.content.model import Embedded, Indexed, ShownContent
    from console.wiring import Services

KEYS = ("id", "embedding_type", "segment_index", "vector", "language", "created_at")


@click.group()
def content() -> None:
    """One content, and what is indexed of it."""


def _id(_: click.Context, __: click.Parameter, text: str) -> str:
    if not ANY_HEX(text):
        raise click.BadParameter("a content's id has 24 hex digits")
    return text.lower()


def content_option(command: Callable[..., None]) -> Callable[..., None]:
    """Adds `--content-id ID`, which is required."""
    return click.option("--content-id", required=True, callback=_id, metavar="ID", help="The content.")(command)


@content.command()
@content_option
@reporting
def show(content_id: str, env_file: Path | None, as_json: bool) -> None:
    """Show a content: its document, its state, its embeddings.

    JSON: {"content_id", "state", "document", "embeddings": [{"id", "embedding_type", "segment_index", "vector",
    "language", "created_at"}], "more", "deleted_at", "vanishes_at"}
    """
    found = with_services(load_settings(env_file), lambda services: services.content.show(content_id))
    emit(found, as_json, lambda: _page(found))


def _page(found: ShownContent) -> list[str]:
    vanishes = f", vanishes {found.vanishes_at:%Y-%m-%d}" if found.vanishes_at else ""
    fields = [(f"  {name}", str(value)) for name, value in (found.document or {}).items()]
    rows = [KEYS, *(tuple(str(getattr(each, key)) for key in KEYS) for each in found.embeddings)]
    head = f"{found.content_id} {found.state.value}{vanishes}, embeddings: {len(found.embeddings):,}"
    return [head + ("+" if found.more else ""), *(columns(fields) if fields else []), *columns(rows)]


@content.command()
@content_option
@confirm_option
@reporting
def embed(content_id: str, confirmed: str, env_file: Path | None, as_json: bool) -> None:
    """Embed a content again: its title, description and subtitles; twice comes to the same.

    JSON: {"content_id", "passages", "rows", "vectors"}, vectors null where no index is configured.
    """

    async def call(services: Services) -> Embedded:
        service = services.content
        async with services.gate.act(service.embed_act(content_id), consent(confirmed), lifetime_s=None) as token:
            return await service.embed(token, content_id)

    done = with_services(load_settings(env_file), call)
    emit(done, as_json, lambda: [f"{done.content_id}: {done.passages} passages, {done.rows} rows"])
    _say_vectors(done.vectors)


@content.command(name="verify-indexed")
@content_option
@reporting
def verify_indexed(content_id: str, env_file: Path | None, as_json: bool) -> None:
    """Prove that everything of a content is indexed, rows and vectors (else 11).

    Without a key of the index no vector can be looked at: the state is "unknown" then, and the exit code 3.
    JSON: {"content_id", "state": "ok" | "failed" | "unknown", "passages", "rows", "vectors", "missing_rows",
    "missing_vectors"}
    """
    found = with_services(load_settings(env_file), lambda services: services.content.verify_indexed(content_id))
    answer = _proof(found)
    emit(answer, as_json, lambda: [f"{name}: {value}" for name, value in answer.items()])
    _say_vectors(found.vectors)
    click.get_current_context().exit(_INDEXED[answer["state"]])


_INDEXED = {"ok": ExitCode.OK, "failed": ExitCode.VERIFICATION_FAILED, "unknown": ExitCode.UNKNOWN}


def _proof(found: Indexed) -> dict[str, Any]:
    names = ("passages", "rows", "vectors", "missing_rows", "missing_vectors")
    state = "failed" if not found.complete else "unknown" if found.vectors is None else "ok"
    return {"content_id": found.content_id, "state": state, **{name: getattr(found, name) for name in names}}


@content.command()
@content_option
@confirm_option
@reporting
def undelete(content_id: str, confirmed: str, env_file: Path | None, as_json: bool) -> None:
    """Take a soft delete back, and say how many embeddings that saves.

    JSON: {"content_id", "embeddings_saved"}
    """

    async def call(services: Services) -> int:
        service = services.content
        async with services.gate.act(service.undelete_act(content_id), consent(confirmed)) as token:
            return await service.undelete(token, content_id)

    saved = with_services(load_settings(env_file), call)
    answer = {"content_id": content_id, "embeddings_saved": saved}
    emit(answer, as_json, lambda: [f"{content_id} is there again, and {saved:,} embeddings with it"])


def _say_vectors(vectors: int | None) -> None:
    if vectors is None:
        say("No vector was looked at: set PINECONE_API_KEY (and PINECONE_INDEX_NAME).")
