"""Processes of one run of the demo: started together, recorded in a run file, ended together.

Four things see to it that nothing outlives its starter: `Supervisor.stop`, the kernel's parent-death signal
(Linux), a keeper process that notices the starter's end through a pipe, and the next start, which sweeps what
the run files still name.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from console.demo import folders, runfile
from console.demo.accounts import Account
from console.demo.runfile import Identity, RunFile

GRACE = 3.0
"""Seconds between the polite signal and SIGKILL."""

_LAUNCHER = Path(__file__).with_name("launcher.py")
_PACKAGES = Path(__file__).parents[2]


class Supervisor:
    """Starts child processes and ends them, whatever ends this process.

    Start them from the main thread: the parent-death signal comes when the starting thread ends.
    """

    def __init__(self) -> None:
        self._run = RunFile.create(folders.runs())
        self._children: list[psutil.Popen] = []
        self._keeper: subprocess.Popen[bytes] | None = None

    def own(self, folder: Path) -> Path:
        """Have `folder` removed at the end of the run, however it ends."""
        self._run.add_folder(folder)
        return folder

    def spawn(
        self,
        name: str,
        program: Sequence[str | Path],
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        account: Account | None = None,
        output: IO[bytes] | int | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        descriptors: Sequence[int] = (),
        foreground: bool = False,
    ) -> psutil.Popen:
        """Start `program` in a session of its own: the terminal's signals reach it only through us.

        With `foreground` it shares our terminal instead, its input included.
        """
        self._watch()
        death_signal = stop_signal if threading.current_thread() is threading.main_thread() else 0
        uid, gid = (account.uid, account.gid) if account else (-1, -1)
        launch = [sys.executable, "-I", "-S", _LAUNCHER, int(death_signal), os.getpid(), uid, gid]
        child = psutil.Popen(
            [str(part) for part in (*launch, *program)],
            stdin=None if foreground else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if environment is None else dict(environment),
            cwd=folder,
            pass_fds=descriptors,
            start_new_session=not foreground,
        )
        self._children.append(child)
        self._run.add_child(Identity.of(name, child, stop_signal))
        return child

    def names(self) -> list[str]:
        """Of the children that were started and not stopped."""
        return [child.name for child in self._run.children]

    def stop(self, *names: str) -> None:
        """End the named children in parallel; without a name everything, folders and keeper included."""
        ending = [child for child in self._run.children if not names or child.name in names]
        end(ending)
        self._reap()
        self._run.forget(ending)
        if not names:
            self._finish()

    def _finish(self) -> None:
        for folder in self._run.folders:
            shutil.rmtree(folder, ignore_errors=True)
        self._run.path.unlink(missing_ok=True)
        if self._keeper is not None:
            self._keeper.kill()
            self._keeper.communicate()
            self._keeper = None

    def _reap(self) -> None:
        self._children = [child for child in self._children if child.poll() is None]

    def _watch(self) -> None:
        """Start the keeper: it reads a pipe that only this process can write, so its end is our end."""
        if self._keeper is None:
            self._keeper = subprocess.Popen(
                [sys.executable, "-m", "console.demo.keeper", self._run.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=python_environment(),
                start_new_session=True,
            )


def python_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment (ours by default) in which a Python child finds this package wherever it starts."""
    found = dict(os.environ if environment is None else environment)
    found["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_PACKAGES), found.get("PYTHONPATH", "")]))
    return found


def end(children: Iterable[Identity], grace: float = GRACE) -> None:
    """Signal all children at once, wait up to `grace` seconds, and kill what is left with its descendants."""
    processes = [(child, process) for child in children if (process := child.process()) is not None]
    families = [process for _, top in processes for process in _family(top)]
    for child, process in processes:
        _signal(process, child.stop_signal)
        _signal(process, signal.SIGCONT)
    _, left = psutil.wait_procs([process for _, process in processes], timeout=grace)
    left += [process for process in families if process not in left and process.is_running()]
    for process in left:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(left, timeout=grace)


def end_runs(env_files: Iterable[Path | None], grace: float = GRACE) -> None:
    """Stop the runs that a console with one of these files started, which outlive it: their servers are about to go."""
    named = {str(path.absolute()) for path in env_files if path is not None}
    runs = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = process.cmdline()
            if "resume" in command and named & set(command):
                runs.append(process)
    for process in runs:
        _signal(process, signal.SIGTERM)
    _, left = psutil.wait_procs(runs, timeout=grace)
    for process in left:
        _signal(process, signal.SIGKILL)


def _family(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        process.send_signal(number)


def sweep(path: Path) -> None:
    """End the children and remove the folders that the run file at `path` names, then the file itself."""
    run = RunFile.read(path)
    if run is None:
        return
    end(run.children)
    for folder in run.folders:
        shutil.rmtree(folder, ignore_errors=True)
    path.unlink(missing_ok=True)


def sweep_killed_runs() -> None:
    """Sweep every run whose owner is gone: a killed demo, or a machine that went down."""
    for path in runfile.listed(folders.runs()):
        run = RunFile.read(path)
        if run is not None and run.owner.process() is None:
            sweep(path)
