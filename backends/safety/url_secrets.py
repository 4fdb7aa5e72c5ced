"""Secrets inside URLs, as people write them: also where a URL is broken, since that is when errors repeat it.

What is not plainly harmless is hidden: the whole of a password however it is written, every query value that no
driver's manual lists as an option, every fragment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MASK: Final = "••••"

_SCHEME = re.compile(r"(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]{0,30}://")
_END_IN_TEXT = re.compile(r"[\s\"]")
_HOST = re.compile(r"(?:\[[0-9a-fA-F:.%]+\]|[^:/@\[\]]*)(?::\d{1,5})?")
_SIMPLE = re.compile(r"true|false|\d{1,6}", re.IGNORECASE)
_SECRETISH = re.compile(r"pass|pwd|secret|token|key|sig|auth|cred|code|session|salt", re.IGNORECASE)

_OPTIONS: Final = frozenset(
    [
        "appname",
        "authmechanism",
        "authsource",
        "compressors",
        "connecttimeoutms",
        "directconnection",
        "heartbeatfrequencyms",
        "journal",
        "loadbalanced",
        "localthresholdms",
        "maxidletimems",
        "maxpoolsize",
        "maxstalenessseconds",
        "minpoolsize",
        "readconcernlevel",
        "readpreference",
        "readpreferencetags",
        "replicaset",
        "retryreads",
        "retrywrites",
        "servermonitoringmode",
        "serverselectiontimeoutms",
        "sockettimeoutms",
        "srvmaxhosts",
        "srvservicename",
        "ssl",
        "tls",
        "tlsallowinvalidcertificates",
        "tlsallowinvalidhostnames",
        "tlscafile",
        "tlsinsecure",
        "uuidrepresentation",
        "w",
        "waitqueuetimeoutms",
        "wtimeoutms",
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "host",
        "hostaddr",
        "keepalives",
        "load_balance_hosts",
        "options",
        "port",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
        "user",
    ]
)
"""Options of MongoDB's and libpq's connection strings whose values are no secret (their manuals' lists)."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What stands between scheme and end: user and password (None: there is none), hosts and path, query, fragment."""

    user: str
    password: str | None
    rest: str
    query: str | None
    fragment: str | None
    hosts_missing: bool = False

    def shown(self) -> str:
        """The same with its secrets masked."""
        password = "" if self.password is None else f":{MASK}" if self.user else MASK
        at = "@" if (self.user or password) and not self.hosts_missing else ""
        query = "" if self.query is None else "?" + "&".join(map(_shown_option, self.query.split("&")))
        fragment = "" if self.fragment is None else f"#{MASK}" if self.fragment else "#"
        return f"{self.user}{password}{at}{self.rest}{query}{fragment}"

    def secrets(self) -> Iterator[str]:
        """Its secrets, and the pieces of a password that a parser may have taken for something else."""
        if self.password:
            yield from with_pieces(self.password)
        yield from filter(None, [self.fragment])
        for option in (self.query or "").split("&"):
            name, _, value = option.partition("=")
            if value and name.lower() not in _OPTIONS and _SECRETISH.search(name):
                yield from (value, value.rpartition(":")[2])


def with_pieces(secret: str) -> Iterator[str]:
    """A secret, and what a parser may have cut out of it: errors repeat such pieces."""
    yield secret
    yield from re.split(r"[/@:?#'\"\s]", secret)


def mask_url(value: str) -> str:
    """A value that is a URL, or several, with their secrets masked.

    >>> mask_url("mongodb://ops:p%40ss@db1,db2:27017/x?authSource=admin")
    'mongodb://ops:••••@db1,db2:27017/x?authSource=admin'
    """
    return _masked(value, None)


def mask_urls_in(text: str) -> str:
    """A text with the secrets of the URLs in it masked.

    >>> mask_urls_in("cannot reach https://t0ken@db/x, try later")
    'cannot reach https://••••@db/x, try later'
    """
    return _masked(text, _END_IN_TEXT)


def secrets_in(value: str) -> Iterator[str]:
    """The secrets of a value that is a URL, or several."""
    starts = list(_SCHEME.finditer(value))
    if not starts:
        yield from _without_scheme(value).secrets()
    for start, end in _places(value, starts, None):
        yield from _parts(value[start.end() : end], start[0]).secrets()


def _masked(text: str, ends: re.Pattern[str] | None) -> str:
    starts = list(_SCHEME.finditer(text))
    if not starts:
        return text if ends is not None else _without_scheme(text).shown()
    written, at = [], 0
    for start, end in _places(text, starts, ends):
        written += [text[at : start.end()], _parts(text[start.end() : end], start[0]).shown()]
        at = end
    return "".join([*written, text[at:]])


def _places(
    text: str, starts: list[re.Match[str]], ends: re.Pattern[str] | None
) -> Iterator[tuple[re.Match[str], int]]:
    """Each URL's scheme, and where the URL ends: at the next one, or in a text at a blank or a quote before that."""
    if not starts:
        return
    following = [*(each.start() for each in starts[1:]), len(text)]
    for start, limit in zip(starts, following, strict=True):
        stop = ends.search(text, start.end(), limit) if ends is not None else None
        end = stop.start() if stop else limit
        yield start, end - (end == limit < len(text) and text[end - 1] == ",")


def _parts(text: str, scheme: str) -> _Parts:
    main, query, fragment = _cut(text)
    if "@" not in main and "@" in text and not _are_hosts(main):
        # A password with an unescaped ? or #.
        at = text.rindex("@")
        return _with_user(text[:at], text[at + 1 :], None, None, scheme)
    at = main.rfind("@")
    authority = main.partition("/")[0]
    if at < 0:
        return _without_user(main, authority, query, fragment)
    if scheme.lower().startswith("http") and _are_hosts(authority) and ":" not in main[len(authority) : at]:
        return _Parts("", None, main, query, fragment)
    return _with_user(main[:at], main[at + 1 :], query, fragment, scheme)


def _with_user(userinfo: str, rest: str, query: str | None, fragment: str | None, scheme: str) -> _Parts:
    user, colon, password = userinfo.partition(":")
    if not colon and scheme.lower().startswith("http"):
        # A user without a password: over HTTP that is a token.
        user, password = "", user
    return _Parts(user, password if colon or not user else None, rest, query, fragment)


def _without_user(main: str, authority: str, query: str | None, fragment: str | None) -> _Parts:
    if _are_hosts(authority) or ":" not in authority:
        return _Parts("", None, main, query, fragment)
    # What stands in the port's place and is none: a password whose @ and host were forgotten.
    user, _, password = authority.partition(":")
    return _Parts(user, password, main[len(authority) :], query, fragment, hosts_missing=True)


def _without_scheme(value: str) -> _Parts:
    """A value that should have been a URL: `user:password@host`."""
    before, at, rest = value.rpartition("@")
    user, colon, password = before.partition(":")
    if not at or not colon:
        return _Parts("", None, value, None, None)
    main, query, fragment = _cut(rest)
    return _Parts(user, password, main, query, fragment)


def _cut(text: str) -> tuple[str, str | None, str | None]:
    """Main part, query, fragment."""
    before, hash_, fragment = text.partition("#")
    main, mark, query = before.partition("?")
    return main, query if mark else None, fragment if hash_ else None


def _are_hosts(text: str) -> bool:
    return all(_HOST.fullmatch(each) for each in text.partition("/")[0].split(","))


def _shown_option(option: str) -> str:
    name, equals, value = option.partition("=")
    harmless = name.lower() in _OPTIONS or (_SIMPLE.fullmatch(value) and not _SECRETISH.search(name))
    if not option or (equals and (not value or harmless)):
        return option
    return f"{name}={MASK}" if equals else MASK
