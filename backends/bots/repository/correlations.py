"""The group `correlation_*`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_, select

from backends.bots.audio_inputs import finding, match
from backends.bots.cursors import Cursor
from backends.bots.repository import records
from backends.bots.repository.base import Paged, Repository
from backends.bots.repository.records import CorrelationRow
from backends.bots.safe import shown
from backends.bots.schema import Correlation, Transcript

if TYPE_CHECKING:
    from backends.safety.gate import Token

STORE: Final = "bots.correlation_store"


class CorrelationMethods(Repository):
    """External captions matched with our own lines."""

    async def correlation_store(self, token: Token, session_id: str, **values: Any) -> CorrelationRow:
        """Stores a match; what breaks the correlation's model is among its findings. Raises NotValid."""
        row = Correlation(session_id=self._uuid("session", session_id), **values)
        async with self._writing(token, STORE) as session:
            session.add(row)
            await session.flush()
            await session.refresh(row)
            made = records.correlation(row)
            broken = finding("correlations", "SpeakerCorrelation", [match(session_id, _input(row))])
        return replace(made, findings=(broken,) if broken is not None else ())

    async def correlation_get_by_session(
        self, session_id: str, limit: int = 100, after: Cursor | None = None
    ) -> Paged[CorrelationRow]:
        """A page of a session's matches, newest first."""
        query = select(Correlation).where(Correlation.session_id == self._uuid("session", session_id))
        return await self._page(
            query, Correlation.external_timestamp, Correlation.correlation_id, limit, after, records.correlation
        )

    async def correlation_resolve_speaker(self, session_id: str, speaker_id: str) -> str | None:
        """The name of a speaker of ours: of the line whose match is the surest. None where no match names one."""
        id_ = self._uuid("session", session_id)
        same_line = and_(
            Transcript.session_id == Correlation.session_id,
            or_(
                Transcript.start_time == Correlation.internal_timestamp,
                and_(
                    Transcript.start_time <= Correlation.internal_timestamp,
                    Transcript.end_time > Correlation.internal_timestamp,
                ),
            ),
        )
        query = (
            select(Transcript.speaker_name)
            .join(Correlation, same_line)
            .where(Correlation.session_id == id_, Transcript.speaker_id == speaker_id)
            .where(Transcript.speaker_name.is_not(None))
            .order_by(Correlation.confidence.desc().nulls_last(), Correlation.correlation_id)
            .limit(1)
        )
        async with self._reading() as session:
            name = await session.scalar(query)
        return None if name is None else shown(name)


def _input(row: Correlation) -> dict[str, Any]:
    """The row in the names of `correlated.sql`."""
    same = ("confidence", "similarity_score", "time_offset")
    return {"metadata": row.session_metadata, **{name: getattr(row, name) for name in same}}
