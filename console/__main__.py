"""Entry point of `olorin`: runs a command and turns every end into an exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from console.cli.exit_codes import ExitCode, exit_code

if TYPE_CHECKING:
    from backends.clients.errors import BackendError


def main() -> None:
    """The `olorin` command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs the command line and returns its exit code; nothing is raised but SystemExit of an own."""
    from backends.clients.errors import BackendError
    from console.cli.main import olorin

    try:
        result = olorin.main(arguments, prog_name="olorin", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.STOPPED_BY_PERSON
    except BackendError as error:
        click.echo(_in_words(error), err=True)
        return exit_code(error)
    except BrokenPipeError:
        return ExitCode.OK
    except Exception as error:
        return _unexpected(error)
    return result if isinstance(result, int) else ExitCode.OK


def _in_words(error: BackendError) -> str:
    where = f" ({error.where})" if error.where else ""
    return f"olorin: {error.message}{where} {error.hint}".rstrip()


def _unexpected(error: Exception) -> int:
    from console.settings import ConfigurationInvalid

    if isinstance(error, ConfigurationInvalid):
        click.echo(f"olorin: {error}", err=True)
        return ExitCode.CONFIGURATION
    from backends.safety.logs import start_logging
    from backends.safety.reports import write_report
    from backends.safety.secrets import mask
    from console.paths import state_folder

    start_logging(state_folder())
    path = write_report(state_folder(), error, "running a command")
    click.echo(f"olorin: unexpected failure: {mask(repr(error))}" + (f"; report: {path}" if path else ""), err=True)
    return ExitCode.INTERNAL


if __name__ == "__main__":
    main()
