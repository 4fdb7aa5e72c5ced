"""The groups `transcript_*` and `translation_*`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, or_, select

from backends.bots.cursors import Cursor
from backends.bots.repository import records
from backends.bots.repository.base import Paged, Repository
from backends.bots.repository.records import TranscriptRow, TranslationRow
from backends.bots.schema import Transcript, Translation

if TYPE_CHECKING:
    from backends.safety.gate import Token

STORE_TRANSCRIPT: Final = "bots.transcript_store"
STORE_TRANSLATION: Final = "bots.translation_store"


class SpeechMethods(Repository):
    """What was said, and what it means in other languages."""

    async def transcript_store(
        self, token: Token, session_id: str, text: str, language: str, source: str, **values: Any
    ) -> TranscriptRow:
        """Stores a line. Its times are the caller's: without them it has none. Raises NotValid."""
        row = Transcript(
            session_id=self._uuid("session", session_id), text=text, language=language, source=source, **values
        )
        async with self._writing(token, STORE_TRANSCRIPT) as session:
            session.add(row)
            await session.flush()
            await session.refresh(row)
            return records.transcript(row)

    async def transcript_create(
        self, token: Token, session_id: str, text: str, language: str, source: str, **values: Any
    ) -> TranscriptRow:
        """Stores a line that is said now. Raises NotValid."""
        now = func.now()
        return await self.transcript_store(
            token, session_id, text, language, source, **{"start_time": now, "end_time": now, **values}
        )

    async def transcript_get_by_session(
        self, session_id: str, speaker: str | None = None, limit: int = 100, after: Cursor | None = None
    ) -> Paged[TranscriptRow]:
        """A page of a session's lines, newest first, of one speaker (id or name) or of all."""
        query = select(Transcript).where(Transcript.session_id == self._uuid("session", session_id))
        if speaker is not None:
            query = query.where(or_(Transcript.speaker_id == speaker, Transcript.speaker_name == speaker))
        return await self._page(
            query, Transcript.start_time, Transcript.transcript_id, limit, after, records.transcript
        )

    async def transcript_get_recent(
        self, session_id: str, minutes: float = 5, limit: int = 100, after: Cursor | None = None
    ) -> Paged[TranscriptRow]:
        """A page of the lines that began in the last minutes (the server's clock), newest first."""
        since = func.now() - timedelta(minutes=minutes)
        query = select(Transcript).where(
            Transcript.session_id == self._uuid("session", session_id), Transcript.start_time >= since
        )
        return await self._page(
            query, Transcript.start_time, Transcript.transcript_id, limit, after, records.transcript
        )

    async def translation_store(self, token: Token, session_id: str, **values: Any) -> TranslationRow:
        """Stores a translation, with its words and characters counted. Raises NotValid."""
        said = str(values.get("translated_text", ""))
        counted = {"word_count": len(said.split()), "character_count": len(said)}
        row = Translation(session_id=self._uuid("session", session_id), **{**counted, **values})
        async with self._writing(token, STORE_TRANSLATION) as session:
            session.add(row)
            await session.flush()
            await session.refresh(row)
            return records.translation(row)

    async def translation_create(self, token: Token, transcript_id: str, **values: Any) -> TranslationRow:
        """Stores the translation of a line, with the session, the text, the speaker and the times of that line.

        Raises NoSuchRow, NotValid.
        """
        async with self._reading() as session:
            line = await session.get(Transcript, self._uuid("transcript", transcript_id))
        if line is None:
            raise self._no_row("transcript", transcript_id)
        taken = {name: getattr(line, name) for name in ("speaker_id", "speaker_name", "start_time", "end_time")}
        of_line = {"original_text": line.text, "source_language": line.language, "transcript_id": line.transcript_id}
        return await self.translation_store(token, str(line.session_id), **{**taken, **of_line, **values})

    async def translation_get_by_transcript(self, transcript_id: str) -> tuple[TranslationRow, ...]:
        """A line's translations, by language."""
        query = select(Translation).where(Translation.transcript_id == self._uuid("transcript", transcript_id))
        ordered = query.order_by(Translation.target_language, Translation.translation_id)
        async with self._reading() as session:
            return tuple(records.translation(row) for row in await session.scalars(ordered))

    async def translation_get_by_language(
        self, session_id: str, language: str, limit: int = 100, after: Cursor | None = None
    ) -> Paged[TranslationRow]:
        """A page of a session's translations into one language, newest first."""
        query = select(Translation).where(
            Translation.session_id == self._uuid("session", session_id), Translation.target_language == language
        )
        return await self._page(
            query, Translation.start_time, Translation.translation_id, limit, after, records.translation
        )
