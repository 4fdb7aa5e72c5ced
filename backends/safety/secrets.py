"""Secrets, masked by value as well as by name, and compared without being shown."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote

from backends.safety.url_secrets import MASK, mask_urls_in, secrets_in, with_pieces

_FINGERPRINT_SALT: Final = b"olorin-console/fingerprint/1"
_SHORTEST_SECRET: Final = 6
"""Shorter values are masked by name only: replacing every "abc" in a text would destroy it."""

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:KEY|SECRET|SALT|PASSWORD|PASSWD|PWD|TOKEN|CREDENTIALS?|DSN)(?:_|$)|API_?KEY", re.IGNORECASE
)
_URL_NAME = re.compile(r"(?:^|_)(?:URL|URI|DSN)S?(?:_|$)", re.IGNORECASE)
_NAMED_SECRET = re.compile(
    r"(?P<name>(?:password|passwd|pwd|token|access_key|api_?key|secret|signature|[?&](?:key|sig|auth|code))\s{0,3}=\s{0,3})"
    r"(?P<value>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^&\s'\"]+)",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"\b(?:sk-[A-Za-z0-9_-]{8,}|olorin_[A-Za-z0-9_-]{16,}|pcsk_[A-Za-z0-9_-]{8,})|(?<=Bearer )\S+")


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret. A shell's PWD is the folder that it stands in.

    >>> [is_secret_name(n) for n in ("PARTNER_API_KEY_SALT", "DB_PWD", "PWD", "RECAP_MAX_CONTEXT_TOKENS")]
    [True, True, False, False]
    """
    return name != "PWD" and bool(_SECRET_NAME.search(name))


def is_url_name(name: str) -> bool:
    """Whether a variable of this name holds a URL.

    >>> [is_url_name(n) for n in ("MONGODB_URI", "METRICS_URLS", "DB_DSN", "CURLY")]
    [True, True, True, False]
    """
    return bool(_URL_NAME.search(name))


def fingerprint(secret: str) -> str:
    """Four hex digits of a salted hash: equal secrets show equal digits, and 16 bits give nothing away.

    >>> fingerprint("a") == fingerprint("a") != fingerprint("b")
    True
    """
    return hmac.new(_FINGERPRINT_SALT, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:4]


def masked(secret: str) -> str:
    """What is shown of a secret: its length in characters and its fingerprint.

    >>> masked("") , masked("s3cret!").startswith("•••• (7 characters, #")
    ('', True)
    """
    return f"{MASK} ({len(secret)} characters, #{fingerprint(secret)})" if secret else ""


class Masker:
    """Replaces every known secret value, and everything shaped like one, in any text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Adds secret values, with their percent-decoded forms; those under six characters are not added."""
        for secret in secrets:
            self._values |= {form for form in (secret, unquote(secret)) if len(form) >= _SHORTEST_SECRET}
        longest_first = sorted(self._values, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    @property
    def known(self) -> int:
        """How many values it knows. It forgets none, so what was masked under one number stays so until it grows."""
        return len(self._values)

    def learn_environment(self, environment: Mapping[str, str]) -> None:
        """Adds the values of all variables with a secret name, and the passwords inside URLs."""
        self.learn(value for name, value in environment.items() if value and is_secret_name(name))
        urls = [value for name, value in environment.items() if "://" in value or is_url_name(name)]
        self.learn(secret for value in urls for secret in secrets_in(value))
        named = [match["value"] for value in environment.values() for match in _NAMED_SECRET.finditer(value)]
        self.learn(piece for value in named for piece in with_pieces(value))

    def __call__(self, text: str) -> str:
        """The text with each secret replaced by four dots."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return _TOKEN.sub(MASK, _NAMED_SECRET.sub(rf"\g<name>{MASK}", mask_urls_in(text)))


mask = Masker()
"""The process's own masker: settings teach it what is secret, and all that leaves the process passes it."""
