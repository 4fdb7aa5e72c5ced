"""Where the console keeps its files."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def state_folder() -> Path:
    """OLORIN_CONSOLE_STATE of the process, or the platform's state folder. For when there are no settings (yet)."""
    named = os.environ.get("OLORIN_CONSOLE_STATE", "").strip()
    usual = platformdirs.user_state_path("olorin-console")
    try:
        return Path(named).expanduser() if named else usual
    except RuntimeError:  # the home of a user who doesn't exist; the settings tell that
        return usual
