"""What a person writes to ask for a bot, as a request. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from backends.bots.managers.model import BotRequest, ServiceRefused

HOSTS: Final = {
    "meet.google.com": "google_meet",
    "zoom.us": "zoom",
    "teams.microsoft.com": "teams",
    "teams.live.com": "teams",
}
PLATFORMS: Final = ("google_meet", "zoom", "teams", "generic")
LONGEST: Final = 255

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?")


def request_of(text: str) -> BotRequest:
    """A request from `URL [LANGUAGES] [TITLE]`; languages are separated by commas. Raises ServiceRefused.

    >>> request_of("https://zoom.us/j/93 es Budget")
    BotRequest(platform='zoom', meeting_id='93', meeting_url='https://zoom.us/j/93', title='Budget', languages=('es',))
    """
    words = text.split()
    if not words:
        raise ServiceRefused("A bot needs the meeting's URL.", hint="URL, then languages such as es,fr, then a title.")
    languages = languages_of(words[1]) if len(words) > 1 else None
    title = " ".join(words[2:] if languages else words[1:])
    return build(words[0], languages or (), title)


def build(url: str, languages: tuple[str, ...] = (), title: str = "", platform: str = "") -> BotRequest:
    """The request for a meeting; its platform follows from the URL unless it is given. Raises ServiceRefused."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ServiceRefused(f"{url[:80]!r} is no meeting's URL.", hint="It begins with https://.")
    meeting = parts.path.strip("/").rpartition("/")[2]
    if not meeting or len(meeting) > LONGEST:
        raise ServiceRefused("The URL names no meeting.", hint="It ends with the meeting's id.")
    return BotRequest(platform or platform_of(parts.hostname), meeting, url, title[:500], languages)


def platform_of(host: str) -> str:
    """The platform of a host; generic for one that nobody knows.

    >>> platform_of("us02web.zoom.us"), platform_of("jitsi.example")
    ('zoom', 'generic')
    """
    host = host.lower()
    return next((name for each, name in HOSTS.items() if host == each or host.endswith(f".{each}")), "generic")


def languages_of(word: str) -> tuple[str, ...] | None:
    """The languages of a list; None where the word is none.

    >>> languages_of("es,pt-BR"), languages_of("Budget,2027")
    (('es', 'pt-BR'), None)
    """
    languages = tuple(word.split(","))
    return languages if all(_LANGUAGE.fullmatch(each) for each in languages) else None
