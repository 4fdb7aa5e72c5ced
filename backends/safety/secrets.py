"""Secrets, masked by value as well as by name, and compared without being shown."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote

MASK: Final = "••••"

_FINGERPRINT_SALT: Final = b"olorin-console/fingerprint/1"
_SHORTEST_SECRET: Final = 6
"""Shorter values are masked by name only: replacing every "abc" in a text would destroy it."""

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:KEY|SECRET|SALT|PASSWORD|PASSWD|PWD|TOKEN|CREDENTIALS?|DSN)(?:_|$)|API_?KEY", re.IGNORECASE
)
_URL_PASSWORD = re.compile(
    r"(?P<head>(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]{0,30}://[^\s/@:'\"]*):"
    # A password may hold a slash that nobody escaped; digits before a slash are a port.
    r"(?P<password>(?!\d{1,5}[/,?])[^\s@'\"]{1,500}(?:@[^\s/@'\"]+)*)@"
)
_URL_TOKEN = re.compile(r"(?P<head>(?<![a-zA-Z])https?://)(?P<password>[^\s/@:'\"]+)@", re.I)
"""A user without a password: over HTTP that is a token."""

_URL_NO_PORT = re.compile(
    r"(?P<head>(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]{0,30}://[^\s/@:'\"\[]*):"
    r"(?P<password>(?!\d{1,5}(?![^\s/,?#'\"]))[^\s/,?#@'\"]+)(?![^\s/,?#'\"]*@)"
)
"""What stands in the port's place and is none: a password whose @ and host were forgotten."""

_QUERY_SECRET = re.compile(
    r"(?P<name>(?:password|passwd|token|api_?key|secret|sslpassword|[?&]key)=)(?P<value>[^&\s'\"]+)", re.I
)
_TOKEN = re.compile(r"\b(?:sk-[A-Za-z0-9_-]{8,}|olorin_[A-Za-z0-9_-]{16,}|pcsk_[A-Za-z0-9_-]{8,})|(?<=Bearer )\S+")


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret. A shell's PWD is the folder that it stands in.

    >>> [is_secret_name(n) for n in ("PARTNER_API_KEY_SALT", "DB_PWD", "PWD", "RECAP_MAX_CONTEXT_TOKENS")]
    [True, True, False, False]
    """
    return name != "PWD" and bool(_SECRET_NAME.search(name))


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


def mask_url(url: str) -> str:
    """The URL with its password and secret query values masked.

    >>> mask_url("mongodb://ops:p%40ss@db1,db2:27017/x?authSource=admin")
    'mongodb://ops:••••@db1,db2:27017/x?authSource=admin'
    """
    url = _URL_PASSWORD.sub(rf"\g<head>:{MASK}@", url)
    url = _URL_TOKEN.sub(rf"\g<head>{MASK}@", url)
    url = _URL_NO_PORT.sub(rf"\g<head>:{MASK}", url)
    return _QUERY_SECRET.sub(rf"\g<name>{MASK}", url)


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

    def learn_environment(self, environment: Mapping[str, str]) -> None:
        """Adds the values of all variables with a secret name, and the passwords inside URLs."""
        self.learn(value for name, value in environment.items() if value and is_secret_name(name))
        for shape in (_URL_PASSWORD, _URL_TOKEN, _URL_NO_PORT):
            self.learn(match["password"] for value in environment.values() for match in shape.finditer(value))
        self.learn(match["value"] for value in environment.values() for match in _QUERY_SECRET.finditer(value))

    def __call__(self, text: str) -> str:
        """The text with each secret replaced by four dots."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return _TOKEN.sub(MASK, mask_url(text))


mask = Masker()
"""The process's own masker: settings teach it what is secret, and all that leaves the process passes it."""
