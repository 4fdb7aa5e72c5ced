"""What rules judge of a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backends.config.model import ConfigSnapshot, Finding, Status
from backends.config.rules import UNSET, findings_of
from backends.config.rules_needed import SALT
from backends.sampling.measure import Absent, Measure, measured

NAMES: Final = ("config.salt", "config.failures", "config.warnings")
REACHING: Final = "server answers"
"""The rule of the configuration that says whether a server answers, which alerts of its own say."""


def measures(snapshot: ConfigSnapshot) -> tuple[Measure, ...]:
    """How many findings there are: about the salt, other failures, warnings."""
    findings = findings_of(snapshot)
    if findings is None or not _names_a_system(snapshot):
        return tuple(Measure.missing(name, Absent.NOT_CONFIGURED, "no variable names a system") for name in NAMES)
    salt = [each for each in findings if each.id == SALT and each.status is Status.FAIL]
    failures = [each for each in findings if each.status is Status.FAIL and each not in salt]
    warnings = [each for each in findings if each.status is Status.WARN and each.rule != REACHING]
    return tuple(_counted(name, found) for name, found in zip(NAMES, (salt, failures, warnings), strict=True))


def _names_a_system(snapshot: ConfigSnapshot) -> bool:
    """Whether anything but how the console itself works is set: a profile that points nowhere is not ok."""
    given = [setting for setting in snapshot.settings if setting.source not in UNSET and setting.name != "ENVIRONMENT"]
    return any(setting.group != "console" or setting.name.endswith("_URL") for setting in given)


def _counted(name: str, found: Sequence[Finding]) -> Measure:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return measured(name, len(found), what=f"{found[0].message}{more}" if found else "")
