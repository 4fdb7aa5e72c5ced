"""The examples in docstrings are true."""

import doctest
import importlib

import pytest

MODULES = (
    "backends.clients.mongo",
    "backends.migrations.chunks",
    "backends.migrations.estimates",
    "backends.migrations.separation",
    "backends.orphans.merge",
    "backends.orphans.scan",
    "backends.orphans.values",
    "backends.sampling.words",
    "console.cli.exit_codes",
    "screens.migration_rows",
    "screens.pages",
    "widgets.amount",
)


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed
