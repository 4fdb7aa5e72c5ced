"""What must be set: always, because of a feature that is on, or because of another variable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from backends.config.catalogue import specs
from backends.config.model import Status
from backends.config.rule import Breach, Rule, assign, generate, missing, name_of
from backends.config.values import Values

SALT: Final = "olorin.partner.api_key_salt"
SEPARATE: Final = "olorin.database.use_separate_database"
MAIN_URL: Final = "platform.mongodb_uri"
OLORIN_URL: Final = "olorin.database.mongodb_url"
OLORIN_NAME: Final = "olorin.database.mongodb_db_name"

MIGRATE_FIRST: Final = "migrate first"
"""Name of the rule that keeps the separation off until Olorin's documents are in their own database."""

TARGET_SILENT: Final = "target answers"
"""Name of the rule that keeps it off while the server that it switches to gives no answer."""

ONE_DATABASE: Final = "databases differ in reality"
"""Name of the rule that keeps it off while both URLs lead to the same database of the same server."""

MAIN_SERVER: Final = "servers.mongo.main"
OLORIN_SERVER: Final = "servers.mongo.olorin"
ASKED_FOR: Final = {SEPARATE: (MAIN_SERVER, OLORIN_SERVER)}
"""Switches of which only servers' answers can tell whether they are safe, and the findings with these answers."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature behind a flag: its name, and what it needs (path → for what)."""

    flag: str
    name: str
    needs: dict[str, str]


FEATURES: Final = (
    Feature(
        "olorin.dubbing_enabled",
        "live dubbing",
        {
            SALT: "partners are authenticated",
            "platform.elevenlabs_api_key": "ElevenLabs recognises and speaks",
            "platform.anthropic_api_key": "Anthropic's model translates",
        },
    ),
    Feature(
        "olorin.semantic_search_enabled",
        "search by meaning",
        {
            SALT: "partners are authenticated",
            "olorin.pinecone.api_key": "Pinecone holds the vectors",
            "olorin.embedding.model": "text is embedded by a model",
            "platform.openai_api_key": "OpenAI runs that model",
        },
    ),
    Feature(
        "olorin.cultural_context_enabled",
        "explanations of cultural references",
        {SALT: "partners are authenticated", "platform.anthropic_api_key": "Anthropic's model explains"},
    ),
    Feature(
        "olorin.recap_enabled",
        "recaps of live broadcasts",
        {SALT: "partners are authenticated", "platform.anthropic_api_key": "Anthropic's model summarises"},
    ),
)

ALWAYS: Final[dict[str, tuple[str, str]]] = {
    "platform.secret_key": ("sign-in: tokens can't be signed", ""),
    MAIN_URL: ("everything: the platform has no database", "mongodb+srv://HOST/?appName=bayit-plus"),
    "platform.gcp_project_id": ("uploads and speech services of Google Cloud", "PROJECT"),
    "platform.frontend_url": ("links in e-mails", "https://HOST"),
    "platform.frontend_web_url": ("verification of addresses", "https://HOST"),
    "platform.backend_cors_origins": ("every call from a browser", '["https://HOST"]'),
}
"""Always required → what breaks without it, and the form of a value."""

LIBRARIAN: Final = tuple(spec.id for spec in specs() if spec.group == "librarian")


def needed_by(id_: str) -> tuple[str, ...]:
    """The variables of the flags that need a setting."""
    return tuple(name_of(feature.flag) for feature in FEATURES if id_ in feature.needs)


def because(values: Values, id_: str) -> tuple[str, ...]:
    """The first feature that is on and needs the setting, step by step; nothing where none does."""
    on = (feature for feature in FEATURES if id_ in feature.needs and values[feature.flag])
    return next((_leading(feature, values, id_) for feature in on), ())


def _leading(feature: Feature, values: Values, id_: str) -> tuple[str, ...]:
    flag = f"{name_of(feature.flag)}=true ({values.where(feature.flag)})"
    return flag, f"{feature.name}: {feature.needs[id_]}"


def flag_needs() -> dict[str, tuple[str, ...]]:
    """Every switch and what it needs."""
    features = {feature.flag: tuple(feature.needs) for feature in FEATURES}
    return {**features, SEPARATE: (MAIN_URL, OLORIN_URL, OLORIN_NAME)}


def _always(id_: str, breaks: str, form: str) -> Rule:
    def find(values: Values) -> Iterator[Breach]:
        if missing(values, id_):
            remedy = assign(id_, form) if form else generate(id_)
            yield Breach(id_, f"{name_of(id_)} is not set, and the platform does not start without it", remedy)

    return Rule(f"required {name_of(id_)}", (id_,), Status.FAIL, "The platform always needs it.", breaks, find)


def _because(feature: Feature, id_: str, purpose: str) -> Rule:
    name, flag = name_of(id_), name_of(feature.flag)

    def find(values: Values) -> Iterator[Breach]:
        if values[feature.flag] and missing(values, id_):
            chain = (*_leading(feature, values, id_), f"{name} is not set")
            remedy = generate(id_) if id_ == SALT else assign(id_)
            yield Breach(id_, f"{name} is not set, but {flag} is on", remedy, chain)

    why = f"{feature.name} needs it: {purpose}."
    return Rule(f"{flag} needs {name}", (feature.flag, id_), Status.FAIL, why, feature.name, find)


def _librarian(values: Values) -> Iterator[Breach]:
    given = [id_ for id_ in LIBRARIAN if not missing(values, id_)]
    if not given:
        return
    for id_ in LIBRARIAN:
        if missing(values, id_):
            chain = (
                f"{name_of(given[0])} is set",
                "the librarian needs all of its variables",
                f"{name_of(id_)} is not",
            )
            yield Breach(id_, f"{name_of(id_)} is not set, but others of the librarian's are", assign(id_), chain)


def _unused_url(values: Values) -> Iterator[Breach]:
    if values.text(OLORIN_URL) and not values[SEPARATE] and SEPARATE not in values.invalid:
        message = (
            f"{name_of(OLORIN_URL)} is set but not used: {name_of(SEPARATE)} is off, so all data is in the main one"
        )
        yield Breach(OLORIN_URL, message, assign(SEPARATE, "true"))


def _each(make: Callable[[Feature, str, str], Rule]) -> Iterator[Rule]:
    for feature in FEATURES:
        for id_, purpose in feature.needs.items():
            yield make(feature, id_, purpose)


RULES: Final[tuple[Rule, ...]] = (
    *(_always(id_, breaks, form) for id_, (breaks, form) in ALWAYS.items()),
    *_each(_because),
    Rule(
        "librarian whole",
        LIBRARIAN,
        Status.FAIL,
        "As soon as one of the librarian's variables is set, all are needed.",
        "audits of the library",
        _librarian,
    ),
    Rule(
        "olorin url unused",
        (OLORIN_URL, SEPARATE),
        Status.WARN,
        "A database of its own is used only while the flag is on.",
        "nothing, but the data is not where the URL suggests",
        _unused_url,
    ),
)
