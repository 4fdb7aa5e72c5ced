"""A gate, and what its acts may be consented to with."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Gate


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    author = this_author("demo", "development", "olorin backup")
    return Gate(AuditTrail(tmp_path / "state"), author, Arming(), production=False)
