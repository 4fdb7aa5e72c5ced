"""What a connection URL says: its hosts, whether they are this machine, its options. Nothing is resolved or opened."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

_TRUE = frozenset({"true", "1", "yes"})
LOOSE = ("tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames")
"""Options that switch the check of certificates off."""

PLAIN_OPTIONS = frozenset(
    {"tls", "ssl", "w", "appname", "replicaset", "authsource", "retrywrites", "retryreads", "readpreference"}
    | {"maxpoolsize", "minpoolsize", "sslmode", "application_name", "directconnection", "loadbalanced"}
)
"""Options whose values are no secrets."""

_LOCAL_NAMES = frozenset(
    {"localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback"}
)


def hosts(url: str) -> tuple[str, ...]:
    """Every host of the URL, without ports, in lower case.

    >>> hosts("mongodb://ops:secret@db-1:27017,[::1]:27018/bayit?tls=true")
    ('db-1', '::1')
    """
    return tuple(_host(part) for part in _authority(url).split(",") if part)


def servers(url: str) -> frozenset[str]:
    """Every host with its port, for telling whether two URLs share a server; of an SRV URL the name alone."""
    default = "" if url.lower().startswith("mongodb+srv:") else ":27017"
    parts = [part.lower() for part in _authority(url).split(",") if part]
    return frozenset(part if _port(part) else _host(part) + default for part in parts)


def is_local(host: str) -> bool:
    """Whether the host is the machine itself.

    >>> [is_local(host) for host in ("localhost", "127.1", "::1", "0.0.0.0", "::ffff:127.0.0.1", "db.example")]
    [True, True, True, True, True, False]
    """
    host = host.rstrip(".").lower()
    if host in _LOCAL_NAMES or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _is_short_loopback(host)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def options(url: str) -> Mapping[str, str]:
    """The options after `?`, their names in lower case."""
    query = url.partition("?")[2].replace(";", "&")
    return {name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)}


def has_tls(url: str) -> bool:
    """Whether a Mongo URL asks for TLS; SRV URLs do unless they say otherwise."""
    given = options(url)
    wanted = given.get("tls", given.get("ssl"))
    return url.lower().startswith("mongodb+srv:") if wanted is None else wanted.lower() in _TRUE


def checks_certificates(url: str) -> bool:
    """Whether a Mongo URL leaves the check of certificates on."""
    return not any(options(url).get(name.lower(), "").lower() in _TRUE for name in LOOSE)


def to_paste(url: str, *, host: str = "", **wanted: str) -> str:
    """The URL with other options, and another host where it names this machine; what may be secret is a placeholder.

    >>> to_paste("mongodb://ops:s3cret@db-1,localhost:27017/bayit?w=1", host="HOST", tls="true")
    'mongodb://CREDENTIALS@db-1,HOST:27017/bayit?w=1&tls=true'
    """
    scheme, _, rest = url.partition("://")
    front, _, query = rest.partition("?")
    user, at, place = front.rpartition("@")
    authority, slash, path = place.partition("/")
    named = [_elsewhere(part, host) if host and is_local(_host(part)) else part for part in authority.split(",")]
    given = [part for part in query.replace(";", "&").split("&") if part]
    kept = [part if _name(part) in PLAIN_OPTIONS else f"{_name(part)}=VALUE" for part in given]
    kept = [part for part in kept if _name(part) not in {name.lower() for name in wanted}]
    asked = "&".join([*kept, *(f"{name}={value}" for name, value in wanted.items())])
    return (
        f"{scheme}://{'CREDENTIALS@' if at and user else ''}{','.join(named)}"
        f"{slash or ('/' if asked else '')}{path}{'?' if asked else ''}{asked}"
    )


def _elsewhere(part: str, host: str) -> str:
    return f"{host}:{_port(part)}" if _port(part) else host


def _name(option: str) -> str:
    return option.partition("=")[0].lower()


def mongo_misfit(url: str) -> str:
    """Why a Mongo URL can't be used; empty where it can.

    >>> mongo_misfit("localhost:27017"), mongo_misfit("mongodb://db"), mongo_misfit("mongodb://db:port/")
    ('must start with mongodb:// or mongodb+srv://', '', 'has a port that is no number')
    """
    scheme = url.partition("://")[0].lower()
    if "://" not in url or scheme not in {"mongodb", "mongodb+srv"}:
        return "must start with mongodb:// or mongodb+srv://"
    if _has_raw_characters(url):
        return "holds a character in user or password that must be percent-encoded"
    named = hosts(url)
    if not named or not all(named):
        return "names no host"
    if scheme == "mongodb+srv" and (len(named) > 1 or _port(_authority(url))):
        return "must name one host and no port, since it is mongodb+srv://"
    ports = [_port(part) for part in _authority(url).split(",")]
    return "has a port that is no number" if any(port and not port.isdigit() for port in ports) else ""


def http_misfit(url: str) -> str:
    """Why an HTTP URL can't be used; empty where it can."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in {"http", "https"}:
        return "must start with https:// or http://"
    return "" if parts.hostname else "names no host"


def _has_raw_characters(url: str) -> bool:
    userinfo = url.partition("://")[2].partition("?")[0].rpartition("@")[0]
    return userinfo.count(":") > 1 or any(char in userinfo for char in "/@#[]")


def _authority(url: str) -> str:
    """Hosts and ports. The last @ ends user and password, whatever characters they hold."""
    rest = url.partition("://")[2] if "://" in url else url
    rest = rest.partition("?")[0]
    return rest.rpartition("@")[2].partition("/")[0]


def _host(part: str) -> str:
    if part.startswith("["):
        return part[1:].partition("]")[0].lower()
    return unquote(part.partition(":")[0]).lower()


def _port(part: str) -> str:
    return part.rpartition("]")[2].partition(":")[2]


def _is_short_loopback(host: str) -> bool:
    """Short forms such as 127.1, and paths of sockets."""
    if host.startswith("/"):
        return True
    if not host[:1].isdigit():
        return False
    try:
        return socket.inet_aton(host)[0] in {0, 127}
    except OSError:
        return False
