"""Every rule, and what they say of a configuration. Rules that need a server's answer are in `reality`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from backends.config import rules_needed, rules_secrets, rules_urls, rules_values
from backends.config.catalogue import by_id, specs
from backends.config.model import ConfigSnapshot, Finding, Flag, Status, worst_status
from backends.config.rule import Rule, assign, name_of
from backends.config.rules_needed import ALWAYS, ASKED_FOR, flag_needs
from backends.config.sources import DEFAULT, NOT_SET
from backends.config.values import Values, plain
from backends.sampling.state import State, Summary

RULES: Final[tuple[Rule, ...]] = (
    *rules_values.RULES,
    *rules_needed.RULES,
    *rules_urls.RULES,
    *rules_secrets.RULES,
)

UNSET: Final = frozenset({DEFAULT, NOT_SET})
OTHERS: Final = frozenset({"orchestration", "audio", "drafting", "console"})
"""Classes that are not the platform's."""

STATES: Final = {Status.OK: State.OK, Status.WARN: State.WARNING, Status.FAIL: State.CRITICAL}


def judge(values: Values) -> tuple[Finding, ...]:
    """All that is wrong, at once."""
    return tuple(finding for rule in RULES for finding in rule.findings(values))


def own_findings(problems: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings about the console's own variables: name → what is wrong with it."""
    ids = {spec.name: spec.id for spec in specs() if spec.group == "console"}
    return tuple(
        Finding(
            ids[name],
            "usable value",
            Status.FAIL,
            f"{name} is not valid: {reason}",
            assign(ids[name], plain(by_id()[ids[name]].default)),
            "The console starts only with variables that it can use.",
            "the console, which ends with exit code 5",
        )
        for name, reason in problems.items()
    )


def flags(values: Values, findings: Iterable[Finding]) -> tuple[Flag, ...]:
    """Every switch with what it needs, and what would be wrong once it is on: judged as if it were."""
    known = {(finding.id, finding.rule) for finding in findings}
    return tuple(_flag(values, id_, needs, known) for id_, needs in flag_needs().items())


def _flag(values: Values, id_: str, needs: tuple[str, ...], known: set[tuple[str, str]]) -> Flag:
    on = bool(values[id_])
    judged = judge(values if on else values.with_value(id_, True))
    concerned = {id_, *needs}
    missing = tuple(
        finding
        for finding in judged
        if finding.status is not Status.OK
        and finding.id in concerned
        and (finding.status is Status.FAIL or (finding.id, finding.rule) not in known)
        and (not finding.chain or finding.chain[0].startswith(name_of(id_)))
    )
    safe = False if missing else None if id_ in ASKED_FOR else True
    return Flag(id_, name_of(id_), on, needs, safe, missing)


def summary(snapshot: ConfigSnapshot) -> Summary:
    """The configuration in one line: the worst finding, and how many more there are.

    Where nothing of the platform is configured, it misses nothing.
    """
    findings = findings_of(snapshot)
    if findings is None:
        return Summary(State.NOT_CONFIGURED, "no variable of any class is set")
    bad = sorted((each for each in findings if each.status is not Status.OK), key=lambda each: -each.status.rank)
    if not bad:
        return Summary(State.OK, f"{len(snapshot.settings)} settings, nothing to note")
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return Summary(STATES[worst_status(each.status for each in bad)], f"{bad[0].message}{more}")


def findings_of(snapshot: ConfigSnapshot) -> list[Finding] | None:
    """Everything that was found, but what the platform misses where nothing of it is configured; None where no
    variable of any class is set.
    """
    given = {setting.name for setting in snapshot.settings if setting.source not in UNSET}
    if not given:
        return None
    findings = [*snapshot.others, *(finding for setting in snapshot.settings for finding in setting.findings)]
    only_others = given <= _names_of_others()
    return [finding for finding in findings if not (only_others and finding.id in ALWAYS)]


def _names_of_others() -> frozenset[str]:
    """Variables that others than the platform read, and the one that says where one is."""
    return frozenset(spec.name for spec in specs() if spec.group in OTHERS) | {"ENVIRONMENT"}
