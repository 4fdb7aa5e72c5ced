"""Which role connects where, from the variables alone."""

from __future__ import annotations

import pytest

from backends.clients.errors import BackendError, NotConfigured
from backends.clients.targets import MongoTarget, PostgresTarget, Role, mongo_targets, postgres_target

MAIN = "mongodb://main/"


def target(environment: dict[str, str], role: Role) -> MongoTarget:
    found = mongo_targets(environment)[role]
    assert isinstance(found, MongoTarget)
    return found


@pytest.mark.parametrize("flag", ["", "false", "0", "No", "off"])
@pytest.mark.parametrize("role", list(Role))
def test_without_the_separation_every_role_is_the_main_database(flag: str, role: Role) -> None:
    environment = {"MONGODB_URI": MAIN, "OLORIN_USE_SEPARATE_DATABASE": flag, "OLORIN_MONGODB_URL": "mongodb://other/"}
    assert target(environment, role) == MongoTarget(MAIN, "bayit_plus", "MONGODB_URI")


def test_with_the_separation_olorin_is_its_own_database() -> None:
    environment = {
        "MONGODB_URI": MAIN,
        "OLORIN_USE_SEPARATE_DATABASE": "true",
        "OLORIN_MONGODB_URL": "mongodb://other/",
    }
    assert target(environment, Role.OLORIN) == MongoTarget("mongodb://other/", "olorin_platform", "OLORIN_MONGODB_URL")
    assert target(environment, Role.BAYIT) == target(environment, Role.MAIN)


def test_without_a_url_of_its_own_olorin_is_on_the_main_server() -> None:
    environment = {"MONGODB_URI": MAIN, "OLORIN_USE_SEPARATE_DATABASE": "1", "OLORIN_MONGODB_DB_NAME": "o"}
    assert target(environment, Role.OLORIN) == MongoTarget(MAIN, "o", "MONGODB_URI")


def test_a_flag_that_is_neither_is_never_guessed() -> None:
    targets = mongo_targets({"MONGODB_URI": MAIN, "OLORIN_USE_SEPARATE_DATABASE": "maybe"})
    assert isinstance(targets[Role.OLORIN], BackendError)
    assert isinstance(targets[Role.MAIN], MongoTarget)


def test_the_deprecated_name_still_works_and_the_new_one_wins() -> None:
    assert target({"MONGODB_URL": MAIN}, Role.MAIN).variable == "MONGODB_URL"
    assert target({"MONGODB_URL": "mongodb://old/", "MONGODB_URI": MAIN}, Role.MAIN).url == MAIN


def test_nothing_set_says_what_to_set() -> None:
    missing = mongo_targets({})[Role.MAIN]
    assert isinstance(missing, NotConfigured)
    assert "MONGODB_URI" in missing.hint
    unset = postgres_target({}, "CHUNKS_DATABASE_URL", "The chunks")
    assert isinstance(unset, NotConfigured)
    assert "CHUNKS_DATABASE_URL" in unset.hint


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("postgresql://u:p@db.example:5433/x", ("db.example", 5433)),
        ("postgresql://u@db/x", ("db", 5432)),
        ("postgresql:///x?host=/run/pg&port=6000", ("/run/pg", 6000)),
        ("postgresql://u@/x?host=%2Frun%2Fpg", ("/run/pg", 5432)),
    ],
)
def test_the_server_of_a_postgres_url(url: str, server: tuple[str, int]) -> None:
    assert PostgresTarget(url, "X").server == server


def test_passwords_are_masked_where_a_target_is_told() -> None:
    assert "hunter2" not in MongoTarget("mongodb://u:hunter2@h/", "d", "X").where
    assert "hunter2" not in PostgresTarget("postgresql://u:hunter2@h/d", "X").where
