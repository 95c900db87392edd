"""A process that reads foreign files: a request a line on stdin, an answer a line on stdout.

It may use so much memory and time, and writes no file. Whatever a file does to it, only that file
is lost. Lines are JSON: nothing that comes out of it is executed.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
from pathlib import Path
from typing import IO, Any

from knowledge.formats.content import read_content
from knowledge.formats.kinds import NAMES
from knowledge.formats.problem import FileProblem
from knowledge.formats.records import Limits


def main() -> None:
    """Answer requests until stdin ends. The limits come first."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not pass for an answer
    limits = Limits(**json.loads(sys.stdin.buffer.readline()))
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    _say(answers, {})  # ready
    for line in sys.stdin.buffer:
        request = json.loads(line)
        # Ends this process even when the one that would kill it is gone.
        signal.alarm(math.ceil(limits.seconds) + 5)
        said = answer(Path(request["file"]), request["format"], limits)
        signal.alarm(0)
        _say(answers, said)


def answer(file: Path, format: str, limits: Limits) -> dict[str, Any]:
    """What a file says as `title` and `text`, or the `reason` why it cannot be read."""
    try:
        return read_content(file, format, limits)._asdict()
    except FileProblem as problem:
        return {"reason": problem.reason}
    except OSError as problem:
        return {"reason": f"cannot be opened: {problem.strerror}. Mend that, and add it again."}
    except MemoryError:
        most = limits.memory >> 20
        return {"reason": f"reading it takes more than {most} MB of memory. Split it.", "spent": 1}
    except RecursionError:
        return {"reason": "it is nested too deeply to be read. Simplify it, or leave it out."}
    except Exception as problem:  # parsers raise whatever they stumble over in a damaged file
        what = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
        return {
            "reason": f"it cannot be read as {NAMES[format]} ({what}). "
            "Open it where it was made, save it anew, and add it again."
        }


def _say(answers: IO[bytes], said: dict[str, Any]) -> None:
    answers.write(json.dumps(said).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
