"""`olorin migrate`: the three migrations, each a command of its own."""

from __future__ import annotations

import click

from console.cli.migrate_chunks import chunks
from console.cli.migrate_olorin import olorin
from console.cli.migrate_schema import schema


@click.group()
def migrate() -> None:
    """Migrations: what would be moved, and the state of any run."""


for _command in (olorin, chunks, schema):
    migrate.add_command(_command)
