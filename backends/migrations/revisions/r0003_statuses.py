"""Every status is one of the seven, and every session that is over says when it ended.

What was changed is kept in `console_schema_0003`, from which going back restores the rows that nobody changed since.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Row, text

from backends.bots.model import ENDED
from backends.bots.status import WORDS
from backends.clients.errors import VerificationFailed

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LOCK = "SHARE ROW EXCLUSIVE"

_ENDED = ", ".join(f"'{status.value}'" for status in sorted(ENDED, key=lambda each: each.value))
_WORDS = ", ".join(f"('{word}', '{status.value}')" for status, words in WORDS.items() for word in sorted(words))
_HOLD = f"LOCK TABLE bot_sessions IN {LOCK} MODE"
_KEEP = f"""
    CREATE TABLE console_schema_0003 AS
    SELECT s.session_id, s.status AS old_status, s.ended_at AS old_ended_at, s.recovering AS old_recovering,
        coalesce(w.means, s.status) AS status,
        CASE
            WHEN s.ended_at IS NULL AND w.means IN ({_ENDED}) THEN greatest(
                s.created_at, s.started_at,
                (SELECT max(e.timestamp) FROM session_events e WHERE e.session_id = s.session_id),
                (SELECT max(coalesce(t.end_time, t.start_time)) FROM transcripts t WHERE t.session_id = s.session_id)
            )
            ELSE s.ended_at
        END AS ended_at,
        s.recovering OR lower(trim(s.status)) = 'recovering' AS recovering
    FROM bot_sessions s LEFT JOIN (VALUES {_WORDS}) AS w (word, means) ON w.word = lower(trim(s.status))
"""
_SAME = """
    DELETE FROM console_schema_0003
    WHERE (old_status, old_ended_at, old_recovering) IS NOT DISTINCT FROM (status, ended_at, recovering)
"""
_KEY = "ALTER TABLE console_schema_0003 ADD PRIMARY KEY (session_id)"
_APPLY = """
    UPDATE bot_sessions s SET status = k.status, ended_at = k.ended_at, recovering = k.recovering
    FROM console_schema_0003 k WHERE k.session_id = s.session_id
"""
_BACK = """
    UPDATE bot_sessions s SET status = k.old_status, ended_at = k.old_ended_at, recovering = k.old_recovering
    FROM console_schema_0003 k
    WHERE k.session_id = s.session_id
      AND (s.status, s.ended_at, s.recovering) IS NOT DISTINCT FROM (k.status, k.ended_at, k.recovering)
"""
_COUNTS = """
    SELECT count(*) FILTER (WHERE old_status <> status) AS statuses_mapped,
        count(*) FILTER (WHERE old_ended_at IS DISTINCT FROM ended_at) AS ended_at_filled,
        count(*) FILTER (WHERE old_recovering IS DISTINCT FROM recovering) AS marked_recovering
    FROM console_schema_0003
"""
_TALLY = f"""
    SELECT coalesce(w.means, s.status) AS status, count(*) AS sessions
    FROM bot_sessions s LEFT JOIN (VALUES {_WORDS}) AS w (word, means) ON w.word = lower(trim(s.status))
    GROUP BY 1 ORDER BY 1
"""
_LEFT = f"SELECT count(*) FROM bot_sessions WHERE status IN ({_ENDED}) AND ended_at IS NULL"


def upgrade() -> None:
    """Raises VerificationFailed, after which nothing was changed."""
    offline = op.get_context().as_sql
    # A status that somebody changes between keeping and applying would be overwritten.
    op.execute(text(_HOLD))
    before = [] if offline else _asked(_TALLY)
    for statement in (_KEEP, _SAME, _KEY, _APPLY):
        op.execute(text(statement))
    if not offline:
        _prove(before)
        counts = _asked(_COUNTS)[0]
        op.get_context().opts["counts"].update(counts._mapping)


def downgrade() -> None:
    """Puts the words and times back where nobody changed them since."""
    op.execute(text(_HOLD))
    op.execute(text(_BACK))
    op.drop_table("console_schema_0003")


def _prove(before: list[Row[object]]) -> None:
    after = _asked("SELECT status, count(*) FROM bot_sessions GROUP BY 1 ORDER BY 1")
    if sorted(map(tuple, before)) != sorted(map(tuple, after)):
        raise VerificationFailed("The sessions of each status are not as many as before.")
    if left := _asked(_LEFT)[0][0]:
        raise VerificationFailed(f"{left} sessions are over and don't say when they ended.")


def _asked(statement: str) -> list[Row[object]]:
    return list(op.get_bind().execute(text(statement)).all())
