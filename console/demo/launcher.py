"""Becomes another program that dies with its starter: `launcher.py SIGNAL STARTER UID GID PROGRAM ARG...`.

Run by path with `python -I -S`, so it imports nothing but the standard library. The kernel sends SIGNAL when
the thread that started us ends (Linux only; 0 asks for nothing). UID and GID below 0 keep the caller's.
"""

import ctypes  # here, since another account may not be able to read our Python's libraries
import os
import sys

PR_SET_PDEATHSIG = 1


def become(uid: int, gid: int) -> None:
    """Give up root for another account, its supplementary groups included."""
    if uid < 0:
        return
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with_starter(signal_number: int, starter: int) -> None:
    """Ask for a signal at the starter's death. A change of uid clears it, so this comes after `become`."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != starter:  # it died before we asked
        sys.exit(1)


def main(arguments: list[str]) -> None:
    signal_number, starter, uid, gid = (int(argument) for argument in arguments[:4])
    program = arguments[4:]
    become(uid, gid)
    if signal_number and sys.platform == "linux":
        die_with_starter(signal_number, starter)
    os.execv(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
