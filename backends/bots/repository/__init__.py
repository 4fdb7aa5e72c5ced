"""Model A through SQLAlchemy: the service's own methods by group, with typed errors instead of None and False."""

from __future__ import annotations

from backends.bots.repository.audio import AudioMethods
from backends.bots.repository.cleanup import Cleaned, CleanupMethods, CleanupPlan
from backends.bots.repository.correlations import CorrelationMethods
from backends.bots.repository.errors import ChangedMeanwhile, ImpossibleChange, NoSuchRow, NotValid
from backends.bots.repository.sessions import SessionMethods
from backends.bots.repository.speech import SpeechMethods

__all__ = (
    "BotSessionRepository",
    "ChangedMeanwhile",
    "Cleaned",
    "CleanupPlan",
    "ImpossibleChange",
    "NoSuchRow",
    "NotValid",
)


class BotSessionRepository(SessionMethods, CleanupMethods, AudioMethods, SpeechMethods, CorrelationMethods):
    """One bot-session database.

    Methods that write take the gate's token first, for the act that each names. All raise BackendError: NoSuchRow
    where a named row does not exist, ImpossibleChange for a status that may not follow, ChangedMeanwhile for a row
    that is not as it was read, NotValid for values that the tables refuse. None is never "could not ask".
    """
