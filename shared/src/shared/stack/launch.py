"""Becomes another program that dies with its parent: `python launch.py <parent> <signal> <uid> <gid> <program> …`.

A process of its own rather than code between fork and exec, which is unsafe as soon as the parent has threads. Run as a
script with an isolated interpreter; uses nothing but the standard library. uid and gid are -1 to keep our own.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Replace this process; returns only when that fails."""
    parent, death_signal, uid, gid = (int(argument) for argument in arguments[:4])
    program = arguments[4:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":  # elsewhere there is no such wish
        # After the change of user, which forgets the wish.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before the wish was made
        return 1
    try:
        os.execv(program[0], program)  # noqa: S606 - this is what we are for
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror}\n")
    return 127


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
