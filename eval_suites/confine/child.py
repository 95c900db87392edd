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
    run(job["source"])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os.write(2, f"\n{job['token']}\n".encode())


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
