"""Run untrusted code: no network, no home, nothing to write to but a small scratch space, limits.

Python programs run in bubblewrap: name spaces of their own, a read-only view of the interpreter
and nothing else of this machine, no privileges. Where bubblewrap is missing or may not work, code
is refused unless the caller allows it to run with limits only.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Literal

from eval_suites.confine.seccomp import compiled_filter
from eval_suites.confine.watch import watch
from knowledge.errors import RatchetError

Ending = Literal["done", "error", "left", "time", "memory", "output"]

CHILD = Path(__file__).with_name("confine") / "child.py"
FIRST_UID = 1_000_000_000  # above any real user; one per run, so that runs do not share limits
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may use. Reaching one ends it, and it counts as failed."""

    seconds: float = 5.0  # on the clock
    cpu_seconds: int = 5  # of each process
    memory_mb: int = 512  # of all its processes together, and address space of each
    processes: int = 16  # processes and threads at a time
    scratch_mb: int = 16  # files it may keep in its scratch space
    output_bytes: int = 65_536  # of each of standard output and standard error


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a program ended."""

    ending: Ending
    returncode: int | None  # None if it was killed
    stdout: str
    stderr: str
    seconds: float
    confined: bool  # False: it ran with limits only

    @property
    def passed(self) -> bool:
        """Whether it ran to its last line, within limits, and reported no error."""
        return self.ending == "done"


def run_python(
    source: str, *, limits: Limits | None = None, allow_unconfined: bool = False
) -> Outcome:
    """Run a program as a script of its own, with the standard library and nothing else.

    It is done when its last line has run and it exits with 0: `sys.exit(0)` halfway, which would
    skip the tests that follow, is an ending of its own ("left").

    Args:
        source: The program.
        limits: What it may use; None takes the defaults.
        allow_unconfined: Where it cannot be confined, run it all the same, with limits only: it
            can then read, write and send whatever this process can. For machines that may be lost.

    Raises:
        RatchetError: It cannot be confined here and running it unconfined was not allowed.
    """
    limits = limits or Limits()
    why_not = problem()
    if why_not and not allow_unconfined:
        raise RatchetError(
            f"Untrusted code was not run: {why_not} Install bubblewrap "
            "(`apt-get install bubblewrap`), or allow unconfined runs where nothing can be lost."
        )
    if why_not is None:
        return _run(_confined(limits.scratch_mb), source, limits, confined=True)
    with tempfile.TemporaryDirectory(prefix="ratchet-") as scratch:
        return _run([*_python(), str(CHILD)], source, limits, confined=False, scratch=scratch)


@cache
def problem() -> str | None:
    """Why code cannot be confined here; None if it can. Found out once, by trying."""
    if sys.platform != "linux":
        return f"confinement needs Linux, this is {sys.platform}."
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed."
    tried = _run(_confined(1), "import socket\nprint('confined')", Limits(), confined=True)
    if tried.passed and tried.stdout == "confined\n":
        return None
    said = (tried.stderr.strip().splitlines() or [f"it ended by {tried.ending}"])[-1]
    return f"bubblewrap cannot make a sandbox here ({said})."


def _python() -> list[str]:
    """The interpreter without any environment, user folder or installed package."""
    return [os.path.realpath(sys.executable), "-I", "-S", "-B"]


def _confined(scratch_mb: int) -> list[str]:
    """The command line that runs the child confined.

    As root, no user name space is made and the child changes to a user that owns nothing: the
    kernel counts no process limit for root, whatever it is called in a name space.
    """
    bwrap = shutil.which("bwrap") or "bwrap"
    command = [bwrap, "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    command += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--clearenv"]
    command += ["--cap-drop", "ALL"]
    if os.geteuid() == 0:
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        command += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
        command += ["--disable-userns"] if _can_disable_userns(bwrap) else []
    command += ["--ro-bind", "/usr", "/usr"]
    for folder in ("/lib", "/lib64", "/bin"):
        if os.path.islink(folder):
            command += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            command += ["--ro-bind", folder, folder]
    command += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    prefix = Path(os.path.realpath(sys.base_prefix))
    if not prefix.is_relative_to("/usr"):
        for parent in reversed(prefix.parents[:-1]):  # bubblewrap would make them for root alone
            command += ["--perms", "0755", "--dir", str(parent)]
        command += ["--ro-bind", str(prefix), str(prefix)]
    command += ["--ro-bind", str(CHILD), "/child.py", "--proc", "/proc", "--dev", "/dev"]
    command += ["--perms", "1777", "--size", str(scratch_mb * MIB), "--tmpfs", "/tmp"]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]
    for name, value in (("HOME", "/tmp"), ("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8")):
        command += ["--setenv", name, value]
    return [*command, "--", *_python(), "/child.py"]


@cache
def _can_disable_userns(bwrap: str) -> bool:
    said = subprocess.run([bwrap, "--help"], capture_output=True, text=True, check=False)
    return "--disable-userns" in said.stdout + said.stderr


def _run(
    command: list[str], source: str, limits: Limits, *, confined: bool, scratch: str = "/"
) -> Outcome:
    """Run the command that starts the child, give it its job, see it through."""
    token = secrets.token_hex(16)
    uid = FIRST_UID + secrets.randbelow(FIRST_UID) if confined and os.geteuid() == 0 else None
    job = {"token": token, "source": source, "uid": uid, "limits": _rlimits(limits)}
    seen = watch(
        _start(command, json.dumps(job), confined=confined, scratch=scratch),
        seconds=limits.seconds,
        memory_bytes=limits.memory_mb * MIB,
        output_bytes=limits.output_bytes,
    )
    stderr, mark, _ = seen.stderr.rpartition(f"\n{token}\n")
    ending: Ending = "done" if mark else "left"
    if seen.broke is not None:
        ending = seen.broke
    elif seen.returncode != 0:
        ending = "error"
    return Outcome(
        ending=ending,
        returncode=None if seen.broke else seen.returncode,
        stdout=seen.stdout,
        stderr=stderr if mark else seen.stderr,
        seconds=seen.seconds,
        confined=confined,
    )


def _start(
    command: list[str], job: str, *, confined: bool, scratch: str
) -> subprocess.Popen[bytes]:
    """Start the child with the job on its standard input and, if confined, under the filter."""
    rules = compiled_filter() if confined else None
    with contextlib.ExitStack() as files:
        given = files.enter_context(_file(job.encode()))
        passed: tuple[int, ...] = ()
        if rules is not None:
            passed = (files.enter_context(_file(rules)).fileno(),)
            command = [command[0], "--seccomp", str(passed[0]), *command[1:]]
        return subprocess.Popen(
            command,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=passed,
            env={"HOME": scratch, "TMPDIR": scratch, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            cwd=scratch,
            start_new_session=True,
        )


def _file(content: bytes) -> IO[bytes]:
    """A file without a name that holds the content, at its beginning."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
    file.write(content)
    file.seek(0)
    return file


def _rlimits(limits: Limits) -> dict[str, int]:
    return {
        "RLIMIT_AS": limits.memory_mb * MIB,
        "RLIMIT_CPU": limits.cpu_seconds,
        "RLIMIT_NPROC": limits.processes,
        "RLIMIT_FSIZE": limits.scratch_mb * MIB,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_CORE": 0,
    }
