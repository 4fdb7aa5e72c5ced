"""A gate on a state folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Gate


@pytest.fixture
def trail(tmp_path: Path) -> AuditTrail:
    return AuditTrail(tmp_path / "state")


@pytest.fixture
def gate(trail: AuditTrail) -> Gate:
    """Of a development environment, not armed."""
    return Gate(trail, this_author("demo", "development", "olorin test"), Arming(), production=False)


@pytest.fixture
def production(trail: AuditTrail) -> Gate:
    """Of a production environment, open with --allow-writes."""
    return Gate(trail, this_author("main", "production", "olorin test"), Arming(allowed=True), production=True)
