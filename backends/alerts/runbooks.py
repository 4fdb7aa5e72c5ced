"""What to do about an alert: pages of steps in their order, each with the command that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Step:
    """A step in words. command: without the program's name, capitals for what to fill in; "" where none does it."""

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Runbook:
    """A page."""

    title: str
    steps: tuple[Step, ...]


def _page(title: str, *steps: tuple[str, str]) -> Runbook:
    return Runbook(title, tuple(Step(*step) for step in steps))


RUNBOOKS: Final[Mapping[str, Runbook]] = {
    "server-down": _page(
        "A database server does not answer",
        ("See which servers answer, and with which error.", "check --only servers"),
        ("Is the URL still right? A changed password or host shows here.", "config check"),
        ("Does the server run, and does the network let this host through? Ask whoever runs it.", ""),
        ("Runs wait or stop by themselves and can be resumed: see which.", "runs list"),
        ("When it answers again, everything that was folded below must be ok.", "check"),
    ),
    "model-down": _page(
        "The language model does not answer, or its calls are used up",
        ("See the endpoint's answer to the key and the model's name.", "config check"),
        ("See how many calls were made, and by whom.", "draft stats"),
        ("Drafting goes on without a model; nothing else depends on it.", "check"),
    ),
    "configuration": _page(
        "The configuration is not as it should be",
        ("Read every finding with the line that mends it.", "config check"),
        ("See where each value comes from.", "config show"),
        ("Compare with the environment that works.", "config diff OTHER_ENV_FILE"),
        ("Correct the dotenv file, then judge again.", "check --only config"),
    ),
    "pool-full": _page(
        "A pool or a server is full",
        ("See who holds connections, and who waits.", "pools"),
        ("Watch whether it grows.", "pools --watch"),
        ("Compare with how it was before the last change.", "metrics --compare NAME"),
        ("End idle sessions of the largest application on screen 2, one by one.", ""),
        ("Look again.", "check --only pools"),
    ),
    "blocked": _page(
        "Sessions wait for another's lock",
        ("See the tree of who blocks whom.", "pools"),
        ("Is the blocker a run of this console?", "runs list"),
        ("Then let that wait.", "runs pause ID"),
        ("Else end the blocker on screen 2, after reading what it does.", ""),
        ("Look again.", "check"),
    ),
    "slow-look-ups": _page(
        "Look-ups across the databases are slow",
        ("See which kind of look-up is slow, and what the servers do.", "pools"),
        ("Compare with how it was before the last change.", "metrics --compare NAME"),
        ("Is a long run working on the same server?", "runs list"),
        ("Then give it a lower pace, in items a second.", "runs throttle ID --pace N"),
        ("Look again; what scans found slow shows after the next scan.", "check"),
        ("When all is well, lift the limit: the run finds its own speed again.", "runs throttle ID"),
    ),
    "orphans": _page(
        "Too many orphans",
        ("Count them now.", "orphans scan"),
        ("See which parents are missing.", "orphans list"),
        ("Take a backup that is proven.", "backup olorin"),
        ("Plan the clean-up and read the plan.", "orphans clean --dry-run"),
        ("Carry that plan out, by the hash that it told.", "orphans clean --execute --plan HASH"),
        ("Prove what was done.", "orphans verify"),
    ),
    "scan-overdue": _page(
        "No scan is new enough",
        ("Scan now.", "orphans scan"),
        ("Did the cron job run? It is `orphans scan`, daily in production, weekly in development.", ""),
        ("Look again.", "check --only orphans"),
    ),
    "cleanup-failed": _page(
        "A clean-up left much alone",
        ("Read its reasons.", "runs show ID"),
        ("Prove what was done.", "orphans verify"),
        ("Scan again: what is still an orphan is in the next plan.", "orphans scan"),
        ("If documents were removed by mistake: see the page of that recovery.", "orphans restore RUN_ID"),
    ),
    "accidental-cleanup": _page(
        "Recovery: orphans were removed by mistake",
        ("Stop every clean-up, and let none start.", "runs halt orphans.clean"),
        ("Put the documents of the clean-up back from its quarantine.", "orphans restore RUN_ID"),
        ("Prove that they are back.", "orphans verify"),
        ("Let clean-ups start again.", "runs halt orphans.clean --lift"),
    ),
    "content-restored": _page(
        "Recovery: content came back after its embeddings were cleaned",
        ("See whether it is indexed.", "content show --content-id ID"),
        ("Make its embeddings again.", "content embed --content-id ID"),
        ("Prove that they are there.", "content verify-indexed --content-id ID"),
    ),
    "run-held": _page(
        "A run waits for the server",
        ("See what holds it, and for how long.", "runs show ID"),
        ("See what else works on the server.", "pools"),
        ("Give it a smaller pace, in items a second.", "runs throttle ID --pace N"),
        ("Or let it wait until a quiet hour.", "runs pause ID"),
        ("Then let it go on.", "runs resume ID"),
        ("And lift the limit: it finds its own speed again.", "runs throttle ID"),
    ),
    "run-failed": _page(
        "A run failed",
        ("Read why, and where it stands.", "runs show ID"),
        ("Are its servers well?", "check --only servers"),
        ("Go on from its checkpoint.", "runs resume ID"),
        ("Or see what can be undone of Olorin's collections.", "migrate olorin --status"),
        ("Of the chunks.", "migrate chunks --status"),
    ),
    "run-stale": _page(
        "Nobody executes a run",
        ("See who executed it last, and when.", "runs show ID"),
        ("Take it over; a worker that wakes up is stopped by its fencing token.", "runs resume ID"),
        ("Or end it.", "runs stop ID"),
    ),
    "verification": _page(
        "A proof failed or has expired",
        ("Verify the Olorin migration again.", "migrate olorin --verify"),
        ("Verify the chunks again.", "migrate chunks --verify"),
        ("See what differs before any further step; nothing is cleaned without a proof.", "migrate olorin --status"),
        ("Of the chunks.", "migrate chunks --status"),
        ("Look again.", "check --only migrations"),
    ),
    "skew": _page(
        "One partition holds far more than the others",
        ("See layout, key and partitions.", "migrate chunks --status"),
        ("Plan a re-partition.", "migrate chunks --dry-run"),
    ),
    "backup": _page(
        "A backup is due",
        ("Take and prove one of the platform's main database.", "backup main"),
        ("Of Olorin's own.", "backup olorin"),
        ("Of the bot sessions.", "backup orchestration"),
        ("Of the chunks.", "backup chunks"),
        ("Look again.", "check --only backups"),
    ),
    "bots": _page(
        "Bot sessions are in trouble",
        ("See them, the worst first.", "bots list"),
        ("Read one session's events.", "bots show ID"),
        ("Are the services well that it needs?", "bots health"),
        ("Stop one that nobody can help.", "bots stop ID"),
    ),
    "service-down": _page(
        "A service that bots need does not answer, or slowly",
        ("Ask all of them.", "bots health"),
        ("See which sessions suffer.", "bots list"),
        ("Restart it where it runs, then look again.", "check --only bots"),
    ),
    "machine": _page(
        "A machine is busy",
        ("See which sessions are live.", "bots list"),
        ("See which runs work.", "runs list"),
        ("Look again.", "check --only bots"),
    ),
}
"""Name, as rules give it → page."""


def pages_for(name: str) -> tuple[Runbook, ...]:
    """The page of an alert; those about orphans are followed by both recoveries."""
    more = ("accidental-cleanup", "content-restored") if name in {"orphans", "cleanup-failed"} else ()
    return tuple(RUNBOOKS[each] for each in (name, *more))
