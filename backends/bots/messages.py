"""The service's WebSocket messages: one envelope, the types of both of its lists, what one says of a session."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from backends.sampling.reading import utc_now

ACCEPTED: Final = frozenset(
    {
        "ping", "pong", "join_session", "leave_session", "broadcast", "direct_message", "service_message",
        "service_response", "error", "system_message",
    }
)  # fmt: skip
"""Types that the service's connection manager takes from a client."""

KNOWN: Final = ACCEPTED | {
    "system:heartbeat", "connect", "disconnect", "create_session", "session_update", "audio_start", "audio_chunk",
    "audio_end", "audio_result", "transcription_start", "transcription_partial", "transcription_final",
    "translation_request", "translation_result", "bot_spawn", "bot_status", "bot_terminate", "bot_update",
    "system_notification", "service_status", "health_update", "user_message",
}  # fmt: skip
"""Every type that the service may send."""

HEARTBEAT: Final = "system:heartbeat"

CHANGING: Final = frozenset(
    {
        "session_update", "bot_spawn", "bot_status", "bot_terminate", "bot_update", "transcription_final",
        "translation_result",
    }
)  # fmt: skip
"""Types that say that a session changed."""

PRIORITIES: Final = range(0, 11)
"""Priorities from lowest to highest; 5 is usual."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. timestamp is the sender's clock (ISO 8601 text), priority 0 to 10."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    session_id: str | None = None
    request_id: str | None = None
    priority: int = 5
    timestamp: str = ""

    @classmethod
    def parse(cls, text: str | bytes) -> Self | None:
        """The message; None for anything that is none.

        >>> Message.parse('{"type": "pong", "priority": 99}').priority
        5
        >>> Message.parse("<html>"), Message.parse("[1]"), Message.parse('{"type": 3}')
        (None, None, None)
        """
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            return None
        data, priority = value.get("data"), value.get("priority")
        return cls(
            type=value["type"],
            data=data if isinstance(data, dict) else {},
            session_id=_text(value.get("session_id")),
            request_id=_text(value.get("request_id")),
            priority=priority if isinstance(priority, int) and priority in PRIORITIES else 5,
            timestamp=str(value.get("timestamp") or ""),
        )

    def to_json(self, now: datetime | None = None) -> str:
        """The message as the service takes it, stamped with the time."""
        fields = {"type": self.type, "data": dict(self.data), "priority": self.priority}
        optional = {"session_id": self.session_id, "request_id": self.request_id}
        stamp = {"timestamp": self.timestamp or (now or utc_now()).isoformat()}
        return json.dumps(fields | stamp | {name: value for name, value in optional.items() if value})

    @property
    def changed_session(self) -> str | None:
        """The session that the message says has changed; None where it says no such thing."""
        if self.type not in CHANGING:
            return None
        return self.session_id or _text(self.data.get("session_id"))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
