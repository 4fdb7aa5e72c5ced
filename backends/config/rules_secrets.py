"""What must hold of secrets: long, unguessable, made for the purpose. No message says anything of their content."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Iterator
from typing import Final

from backends.config.catalogue import specs
from backends.config.model import Status
from backends.config.rule import Breach, Rule, assign, generate, name_of
from backends.config.rules_needed import SALT, because
from backends.config.values import Values

LEAST_GUESSES: Final = 25.0
"""Decimal digits of the guesses that a salt or key should take; zxcvbn gives 32 random hex digits 28 or more."""

JUDGED_LENGTH: Final = 72
"""Characters that zxcvbn judges at most."""

OWN_WORDS: Final = (
    "bayit",
    "plus",
    "olorin",
    "partner",
    "partners",
    "platform",
    "production",
    "staging",
    "salt",
    "secret",
)
"""Words that somebody who guesses would try first."""

SIGNING_KEY: Final = "platform.secret_key"
SIGNING_KEY_LENGTH: Final = 32

OWN_SECRETS: Final = (SALT, SIGNING_KEY)
"""Secrets that one makes oneself."""

SECRETS: Final = tuple(
    spec.id for spec in specs() if spec.secret and (spec.group == "platform" or spec.id.startswith("olorin."))
)
_guesses: Final[dict[bytes, float]] = {}
"""What was judged already, by the text's hash."""

_one_at_a_time = threading.Lock()
"""Snapshots are taken in threads, and who has judged takes the word lists away."""

_PLACEHOLDER = re.compile(
    r"change.?me|change.in.production|your.?(secret|api|key|salt)|placeholder|example|<[^>]*>|x{6}", re.I
)


def guesses(secret: str) -> float:
    """Decimal digits of the number of guesses that the text takes, by zxcvbn: words, keys side by side, repetitions.

    >>> max(map(guesses, ("a" * 40, "qwertyuiopasdfghjklzxcvbnm1234567890", "MySuperSecretSaltForPartnerApiKeys"))) < 25
    True
    >>> guesses("0f3a9c77e1b24d5688aa90c3f1e2d4b7") > 25
    True
    """
    known = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
    with _one_at_a_time:
        if known not in _guesses:
            _guesses[known] = _judged(secret[:JUDGED_LENGTH]) if secret else 0.0
        return _guesses[known]


def _judged(secret: str) -> float:
    """zxcvbn's word lists take 12 MB, so they are let go of once the text is judged."""
    from zxcvbn import frequency_lists, matching, zxcvbn

    found = zxcvbn(secret, user_inputs=list(OWN_WORDS))["guesses_log10"]
    for lists in (matching.RANKED_DICTIONARIES, frequency_lists.FREQUENCY_LISTS):
        lists.clear()
    for name in [name for name in list(sys.modules) if name.partition(".")[0] == "zxcvbn"]:
        del sys.modules[name]
    return float(found)


def _guessable(values: Values) -> Iterator[Breach]:
    for id_ in OWN_SECRETS:
        secret = values.text(id_)
        if secret and not _PLACEHOLDER.search(secret) and guesses(secret) < LEAST_GUESSES:
            message = f"{name_of(id_)} can be guessed: it repeats itself, uses few characters, or reads like words"
            yield Breach(id_, message, generate(id_), because(values, id_), Status.FAIL if values.production else None)


def _placeholder(values: Values) -> Iterator[Breach]:
    for id_ in SECRETS:
        if _PLACEHOLDER.search(values.text(id_)):
            remedy = generate(id_) if id_ in OWN_SECRETS else assign(id_)
            message = f"{name_of(id_)} is a placeholder from an example"
            yield Breach(id_, message, remedy, because(values, id_), Status.FAIL if values.production else None)


def _short_key(values: Values) -> Iterator[Breach]:
    if 0 < len(values.text(SIGNING_KEY)) < SIGNING_KEY_LENGTH:
        message = f"{name_of(SIGNING_KEY)} is shorter than {SIGNING_KEY_LENGTH} characters"
        yield Breach(SIGNING_KEY, message, generate(SIGNING_KEY))


def _shared(values: Values) -> Iterator[Breach]:
    salt = values.text(SALT)
    if salt and salt == values.text(SIGNING_KEY):
        message = f"{name_of(SALT)} is the same as {name_of(SIGNING_KEY)}: who learns one has both"
        yield Breach(SALT, message, generate(SALT))


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "secret not guessable",
        OWN_SECRETS,
        Status.WARN,
        "A salt or signing key is random: nothing that a list of words, keys or patterns leads to.",
        "partners' API keys and users' sessions",
        _guessable,
    ),
    Rule(
        "no placeholder",
        SECRETS,
        Status.WARN,
        "A value from an example is no secret.",
        "what the secret protects",
        _placeholder,
    ),
    Rule(
        "signing key length",
        (SIGNING_KEY,),
        Status.WARN,
        f"Tokens are signed with a key of {SIGNING_KEY_LENGTH} characters or more.",
        "users' sessions",
        _short_key,
    ),
    Rule("one secret, one use", OWN_SECRETS, Status.WARN, "Each secret has one use.", "both of their uses", _shared),
)
