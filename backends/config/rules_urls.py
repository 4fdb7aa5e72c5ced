"""What must hold of URLs: their form, no own machine and no open line in production, one database each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from backends.config.flat import cors_origins
from backends.config.model import Status
from backends.config.rule import Breach, Rule, assign, name_of
from backends.config.rules_needed import MAIN_URL, OLORIN_NAME, OLORIN_URL, SEPARATE
from backends.config.urls import (
    LOOSE,
    checks_certificates,
    has_tls,
    hosts,
    http_misfit,
    is_local,
    mongo_misfit,
    options,
    servers,
    to_paste,
)
from backends.config.values import Values

MAIN_NAME: Final = "platform.mongodb_db_name"
MONGO: Final = (MAIN_URL, OLORIN_URL)
FRONT: Final = ("platform.frontend_url", "platform.frontend_web_url")
ORIGINS: Final = "platform.backend_cors_origins"
POSTGRES: Final = ("console.orchestration_database_url", "console.chunks_database_url")
MODEL_URL: Final = "drafting.openai_base_url"

Find = Callable[[Values], Iterator[Breach]]


def _of_each(
    ids: tuple[str, ...], broken: Callable[[str], str], remedy: Callable[[str], str], *, production: bool = False
) -> Find:
    """Finds each setting of which `broken` says something, with what to paste; production: only where it is one."""

    def find(values: Values) -> Iterator[Breach]:
        for id_ in ids:
            url = values.text(id_)
            if not url or id_ in values.invalid or (production and not values.production):
                continue
            message = broken(url)
            if message:
                yield Breach(id_, f"{name_of(id_)} {message}", assign(id_, remedy(url)))

    return find


def _elsewhere(url: str) -> str:
    return to_paste(url, host="HOST")


def _over_tls(url: str) -> str:
    loose = {name: "false" for name in LOOSE if name.lower() in options(url)}
    return to_paste(url, tls="true", **loose)


def _named(url: str) -> str:
    return to_paste(url, appName="bayit-plus")


def _insisting(url: str) -> str:
    return to_paste(url, sslmode="verify-full")


def _page(_: str) -> str:
    return "https://HOST"


def _encrypted(url: str) -> str:
    return to_paste(f"https://{url.partition('://')[2]}")


def _local(url: str) -> str:
    return "names this machine as a host, in production" if any(map(is_local, hosts(url))) else ""


def _no_tls(url: str) -> str:
    if mongo_misfit(url) or has_tls(url):
        return "" if checks_certificates(url) else "switches the check of certificates off, in production"
    return "does not ask for TLS, in production"


def _no_name(url: str) -> str:
    if mongo_misfit(url) or options(url).get("appname"):
        return ""
    return "has no appName, so the server can't say whose its connections are"


def _plain_http(url: str) -> str:
    return "is not encrypted (http://), in production" if url.lower().startswith("http://") else ""


def _open_model(url: str) -> str:
    return "" if any(map(is_local, hosts(url))) else _plain_http(url)


def _no_sslmode(url: str) -> str:
    given = options(url)
    if given.get("host", "").startswith("/") or all(map(is_local, hosts(url))):
        return ""
    mode = given.get("sslmode", "prefer")
    return "" if mode in {"require", "verify-ca", "verify-full"} else "does not insist on TLS (sslmode), in production"


def _origins(values: Values) -> Iterator[Breach]:
    if not values.production or ORIGINS in values.invalid:
        return
    for origin in cors_origins(values.text(ORIGINS)):
        if origin == "*":
            yield Breach(
                ORIGINS, f"{name_of(ORIGINS)} lets every site in, in production", assign(ORIGINS, '["https://HOST"]')
            )
        elif any(map(is_local, hosts(origin))):
            message = f"{name_of(ORIGINS)} lets pages of this machine in, in production"
            yield Breach(ORIGINS, message, assign(ORIGINS, '["https://HOST"]'))


def _olorin_url(values: Values) -> str:
    return values.text(OLORIN_URL) or values.text(MAIN_URL)


def _same_database(values: Values) -> Iterator[Breach]:
    if not values[SEPARATE] or values.text(MAIN_NAME) != values.text(OLORIN_NAME):
        return
    if servers(values.text(MAIN_URL)) & servers(_olorin_url(values)):
        message = f"{name_of(SEPARATE)} is on, but Olorin's database is the main one: same server, same name"
        chain = (f"{name_of(SEPARATE)}=true", f"{name_of(OLORIN_NAME)} equals {name_of(MAIN_NAME)}", "same server")
        yield Breach(SEPARATE, message, assign(OLORIN_NAME, "olorin_platform"), chain)


def _same_server(values: Values) -> Iterator[Breach]:
    main, olorin = values.text(MAIN_URL), values.text(OLORIN_URL)
    if not values[SEPARATE] or not main or not servers(main) & servers(_olorin_url(values)):
        return
    how = f"names a server of {name_of(MAIN_URL)}" if olorin else f"is not set, so that {name_of(MAIN_URL)} serves both"
    message = (
        f"{name_of(OLORIN_URL)} {how}: two pools (100 and 50, and 50 more for reading where the URLs differ) come out "
        "of one server's limit"
    )
    yield Breach(OLORIN_URL, message, assign(OLORIN_URL, "mongodb+srv://CREDENTIALS@HOST/?appName=olorin"))


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "mongo url form", MONGO, Status.FAIL, "The driver must be able to read it.", "every access to the database",
        _of_each(MONGO, mongo_misfit, lambda _: "mongodb+srv://CREDENTIALS@HOST/?appName=bayit-plus"),
    ),
    Rule(
        "no localhost in production", MONGO, Status.FAIL,
        "In production no host of a database may be localhost, 127.0.0.0/8, ::1 or 0.0.0.0.",
        "every access to the database from another machine", _of_each(MONGO, _local, _elsewhere, production=True),
    ),
    Rule(
        "tls in production", MONGO, Status.WARN, "In production connections are encrypted and certificates checked.",
        "confidentiality of everything that is stored", _of_each(MONGO, _no_tls, _over_tls, production=True),
    ),
    Rule(
        "application name", MONGO, Status.WARN, "Connections carry a name (appName), so that they can be told apart.",
        "the pools screen: connections of nobody", _of_each(MONGO, _no_name, _named),
    ),
    Rule(
        "two databases", (MAIN_URL, OLORIN_URL, MAIN_NAME, OLORIN_NAME, SEPARATE), Status.FAIL,
        "While the flag is on, Olorin's database is another than the main one.",
        "the migration, which refuses to copy a database into itself", _same_database,
    ),
    Rule(
        "one server, two pools", (MAIN_URL, OLORIN_URL, SEPARATE), Status.WARN,
        "Pools on one server add up.", "the server's connection limit", _same_server,
    ),
    Rule(
        "front end url", FRONT, Status.FAIL, "Links need an address that browsers can open.", "links in e-mails",
        _of_each(FRONT, http_misfit, _page),
    ),
    Rule(
        "front end of this machine", FRONT, Status.WARN, "In production links lead to a public address.",
        "links in e-mails", _of_each(FRONT, _local, _page, production=True),
    ),
    Rule(
        "front end encrypted", FRONT, Status.WARN, "In production pages come over HTTPS.", "sign-in in browsers",
        _of_each(FRONT, _plain_http, _encrypted, production=True),
    ),
    Rule(
        "origins", (ORIGINS,), Status.WARN, "Only the platform's own pages may call.", "protection of sessions",
        _origins,
    ),
    Rule(
        "postgres tls", POSTGRES, Status.WARN, "In production connections to other machines insist on TLS.",
        "confidentiality of everything that is stored", _of_each(POSTGRES, _no_sslmode, _insisting, production=True),
    ),
    Rule(
        "model url", (MODEL_URL,), Status.FAIL, "The endpoint's address must be a URL.", "drafting",
        _of_each((MODEL_URL,), http_misfit, lambda _: "https://HOST/v1"),
    ),
    Rule(
        "model encrypted", (MODEL_URL,), Status.WARN, "In production the key travels encrypted.", "the key's secrecy",
        _of_each((MODEL_URL,), _open_model, _encrypted, production=True),
    ),
)  # fmt: skip
