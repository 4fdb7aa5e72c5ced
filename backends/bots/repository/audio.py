"""The group `audio_*`: rows first, files after them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, select

from backends.bots import audio_inputs
from backends.bots.audio_files import FileState, checked, remove
from backends.bots.audio_inputs import finding
from backends.bots.cursors import Cursor
from backends.bots.repository import records
from backends.bots.repository.base import Paged, Repository
from backends.bots.repository.records import AudioRow
from backends.bots.schema import AudioFile

if TYPE_CHECKING:
    from backends.safety.gate import Token

CREATE: Final = "bots.audio_create"
DELETE: Final = "bots.audio_delete"


class AudioMethods(Repository):
    """Audio files: their rows, and the files that the rows name."""

    async def audio_create(self, token: Token, session_id: str, **values: Any) -> AudioRow:
        """A row for a file that lies there already; what breaks its model is a finding. Raises NotValid."""
        row = AudioFile(session_id=self._uuid("session", session_id), **values)
        async with self._writing(token, CREATE) as session:
            session.add(row)
            await session.flush()
            await session.refresh(row)
            made = records.audio(row)
            broken = finding("audio files", "AudioChunkMetadata", [audio_inputs.file(session_id, _input(row))])
        return replace(made, findings=(broken,) if broken is not None else ())

    async def audio_store_file(self, token: Token, session_id: str, path: Path, **values: Any) -> AudioRow:
        """A row for a file of this machine, with the size and the sha256 that it has. Raises NotValid."""
        size, hash_ = await asyncio.to_thread(checked, path)
        known = {"filename": path.name, "file_path": str(path), "file_size": size, "file_hash": hash_}
        return await self.audio_create(token, session_id, **{"mime_type": "audio/wav", **values, **known})

    async def audio_get(self, file_id: str) -> AudioRow:
        """One file's row. Raises NoSuchRow."""
        async with self._reading() as session:
            row = await session.get(AudioFile, self._uuid("audio file", file_id))
            if row is None:
                raise self._no_row("audio file", file_id)
            return records.audio(row)

    async def audio_get_files(self, session_id: str, limit: int = 100, after: Cursor | None = None) -> Paged[AudioRow]:
        """A page of a session's files, newest first."""
        query = select(AudioFile).where(AudioFile.session_id == self._uuid("session", session_id))
        return await self._page(query, AudioFile.created_at, AudioFile.file_id, limit, after, records.audio)

    async def audio_delete_file(self, token: Token, file_id: str) -> FileState:
        """Deletes the row, then the file if it is the one that the row described. Raises NoSuchRow."""
        async with self._writing(token, DELETE) as session:
            query = delete(AudioFile).where(AudioFile.file_id == self._uuid("audio file", file_id)).returning(AudioFile)
            row = await session.scalar(query)
            if row is None:
                raise self._no_row("audio file", file_id)
            deleted = records.audio(row)
        state = await asyncio.to_thread(remove, deleted.file_path, deleted.file_size, deleted.file_hash)
        token.outcome(rows=1, file=state.value)
        return state


def _input(row: AudioFile) -> dict[str, Any]:
    """The row in the names of `audio.sql`."""
    named = {"mime": row.mime_type, "path": row.file_path, "name": row.filename, "size": row.file_size}
    same = ("duration", "sample_rate", "channels", "start_time", "end_time")
    return {**named, "metadata": row.session_metadata, **{name: getattr(row, name) for name in same}}
