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
    """How many findings there are: about the salt, other failures, warnings.

    A server that does not answer is no finding here, since alerts of its own say that; but what it would say is no
    data, lest a finding that only it can tell counts as mended while it is silent.
    """
    findings = findings_of(snapshot)
    if findings is None or not _names_a_system(snapshot):
        return tuple(Measure.missing(name, Absent.NOT_CONFIGURED, "no variable names a system") for name in NAMES)
    wrong = [each for each in findings if each.status is not Status.OK and each.rule != REACHING]
    salt = [each for each in wrong if each.id == SALT and each.status is Status.FAIL]
    failures = [each for each in wrong if each.status is Status.FAIL and each not in salt]
    warnings = [each for each in wrong if each.status is Status.WARN]
    silent = [each for each in findings if each.status is Status.WARN and each.rule == REACHING]
    unknown = (Measure.missing(name, Absent.NO_DATA, each.message, each.id) for name in NAMES[1:] for each in silent)
    return (*map(_counted, NAMES, (salt, failures, warnings)), *unknown)


def _names_a_system(snapshot: ConfigSnapshot) -> bool:
    """Whether anything but how the console itself works is set: a profile that points nowhere is not ok."""
    given = [setting for setting in snapshot.settings if setting.source not in UNSET and setting.name != "ENVIRONMENT"]
    return any(setting.group != "console" or setting.name.endswith("_URL") for setting in given)


def _counted(name: str, found: Sequence[Finding]) -> Measure:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return measured(name, len(found), what=f"{found[0].message}{more}" if found else "")
