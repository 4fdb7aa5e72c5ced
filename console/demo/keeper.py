"""The keeper: sleeps until the demo that started it is gone, then ends and removes what that demo left.

`python -m console.demo.keeper RUN_FILE`; standard input is a pipe whose other end only the demo holds.
"""

import signal
import sys
from pathlib import Path

from console.demo.processes import sweep


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while sys.stdin.buffer.read(1024):
        pass
    sweep(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
