"""What runs inside the sandbox: gives up every right, sets the limits, then runs the program.

Started as a file by `eval_suites.sandbox`, never imported. Reads one JSON object from standard
input: token, source, uid (or null) and limits. When the program has run to its last line, the
token is the last line of standard error; a program that leaves early does not get there.
"""

import contextlib
import json
import linecache
import os
import resource
import sys
import types


def main() -> None:
    source, token = begin()
    run(source)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os.write(2, b"\n" + os.read(token, 64) + b"\n")


def begin() -> tuple[str, int]:
    """Read the job and give up every right; the program, and a pipe that holds the token.

    The token is left in the pipe until the program has ended, so that no object of this
    interpreter holds it: frames and the garbage collector have nothing to show.
    """
    with os.fdopen(0, encoding="utf-8", closefd=False) as given:
        job = json.load(given)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    if job["uid"] is not None:
        os.setgroups([])
        os.setgid(job["uid"])
        os.setuid(job["uid"])
    for name, most in job["limits"].items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    token, writes = os.pipe()
    os.write(writes, job["token"].encode())
    os.close(writes)
    return job["source"], token


def run(source: str) -> None:
    """Run the program as `__main__`; its traceback shows its own lines."""
    name = "program.py"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = [name]
    try:
        exec(compile(source, name, "exec"), module.__dict__)
    except SystemExit:
        raise
    except BaseException as problem:
        trace = problem.__traceback__
        sys.excepthook(type(problem), problem, trace.tb_next if trace else None)
        sys.exit(1)


if __name__ == "__main__":
    main()
