"""The demo service's audio settings: told over HTTP, changed as the orchestration service lets them be changed."""

from __future__ import annotations

from typing import Any, Final

from backends.config.orchestration import AudioChunkingConfig
from backends.config.sync import compare

DRIFTED: Final = {"chunk_duration": 4.0}
"""What it starts with in another way than our defaults."""


class AudioSettings:
    """Kept in memory, as the service keeps them: a restart begins anew."""

    def __init__(self) -> None:
        fields = AudioChunkingConfig.model_fields
        self._held: dict[str, Any] = {name: field.default for name, field in fields.items()} | DRIFTED

    def told(self) -> dict[str, Any]:
        """All of them, where the service tells its whole configuration."""
        return {"orchestration_service": {"chunking_config": self._held}}

    def change(self, wanted: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """HTTP status and answer; nothing is changed unless all of it can be used."""
        unknown = sorted(wanted.keys() - self._held.keys())
        changed = self._held | wanted
        problem = f"unknown: {', '.join(unknown)}" if unknown else compare({}, changed, {}).reason
        if problem:
            return 400, {"success": False, "changes_applied": {}, "errors": [problem]}
        self._held = changed
        return 200, {"success": True, "changes_applied": wanted, "errors": []}
