"""What must hold of secrets: long, unguessable, made for the purpose. No message says anything of their content."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from backends.config.catalogue import specs
from backends.config.model import Status
from backends.config.rule import Breach, Rule, assign, generate, name_of
from backends.config.rules_needed import SALT
from backends.config.values import Values

LEAST_BITS: Final = 96
"""Bits of randomness that a salt or key is estimated to have at least; 32 random hex digits come out near 118."""

SIGNING_KEY: Final = "platform.secret_key"
SIGNING_KEY_LENGTH: Final = 32

OWN_SECRETS: Final = (SALT, SIGNING_KEY)
"""Secrets that one makes oneself."""

SECRETS: Final = tuple(
    spec.id for spec in specs() if spec.secret and (spec.group == "platform" or spec.id.startswith("olorin."))
)
BITS_A_LETTER_OF_PROSE: Final = 2.0
"""Generous for running text: Shannon's estimate for English is 0.6 to 1.3 bits."""

LONGEST_CLUSTER: Final = 4
"""Consonants that follow each other in words at most, or nearly so; chance gives longer ones."""

_PLACEHOLDER = re.compile(
    r"change.?me|change.in.production|your.?(secret|api|key|salt)|placeholder|example|<[^>]*>|x{6}", re.I
)


def estimated_bits(secret: str) -> float:
    """How random a text looks: its characters' entropy times the characters that are not foreseeable.

    >>> estimated_bits("a" * 40) < estimated_bits("abc" * 12) < estimated_bits("abcdefghijklmnopqrstuvwxyz012345") < 30
    True
    >>> estimated_bits("0f3a9c77e1b24d5688aa90c3f1e2d4b7") > 96
    True
    """
    if not secret:
        return 0.0
    period = _period(secret)
    unit = secret[:period]
    counts = Counter(unit)
    entropy = -sum(count / period * math.log2(count / period) for count in counts.values())
    steps = [ord(after) - ord(before) for before, after in pairwise(unit)]
    foreseeable = sum(before == after for before, after in pairwise(steps))
    bits = entropy * (period - foreseeable)
    return min(bits, BITS_A_LETTER_OF_PROSE * len(secret)) if _reads_like_words(secret) else bits


def _reads_like_words(text: str) -> bool:
    """Whether the text is letters of one case with vowels as words have them: many, and never far from each other.

    >>> [_reads_like_words(t) for t in ("thepasswordforthepartnersofbayit", "0f3a9c77e1b24d5688aa90c3f1e2d4b7")]
    [True, False]
    """
    letters = [char for char in text if char.isalpha()]
    if len(letters) < 0.6 * len(text) or not (text.islower() or text.isupper()):
        return False
    consonants = re.split("[aeiouy]", "".join(letters).lower())
    return 0.27 <= (len(consonants) - 1) / len(letters) <= 0.6 and max(map(len, consonants)) <= LONGEST_CLUSTER


def _period(text: str) -> int:
    """Length of the shortest piece that the text repeats."""
    start = (text + text).find(text, 1)
    return start if len(text) % start == 0 else len(text)


def _guessable(values: Values) -> Iterator[Breach]:
    for id_ in OWN_SECRETS:
        secret = values.text(id_)
        if secret and not _PLACEHOLDER.search(secret) and estimated_bits(secret) < LEAST_BITS:
            message = f"{name_of(id_)} can be guessed: it repeats itself, uses few characters, or reads like words"
            yield Breach(id_, message, generate(id_), status=Status.FAIL if values.production else None)


def _placeholder(values: Values) -> Iterator[Breach]:
    for id_ in SECRETS:
        if _PLACEHOLDER.search(values.text(id_)):
            remedy = generate(id_) if id_ in OWN_SECRETS else assign(id_)
            message = f"{name_of(id_)} is a placeholder from an example"
            yield Breach(id_, message, remedy, status=Status.FAIL if values.production else None)


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
        f"A salt or signing key has at least about {LEAST_BITS} bits of randomness.",
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
