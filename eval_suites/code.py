"""From a reply to a program that can be run: the code in it, with what stands before and the tests.

Whether it passes is found out in the sandbox, many programs at a time.
"""

from __future__ import annotations

import ast
import hashlib
import re
import textwrap
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from os import cpu_count

from eval_suites.records import Assistant, Case, Reply
from eval_suites.sandbox import Limits, Outcome, problem, run_python
from knowledge.errors import RatchetError

_FENCE = re.compile(
    r"^[ \t]*```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE
)
_NAMES = ("python", "py", "python3", "")
_STARTS = ("def ", "class ", "import ", "from ", "@", "async def ", "if __name__")


class RunAssistant:
    """An assistant whose code is run against its case's tests as it replies. An Assistant itself.

    Args:
        assistant: Who replies.
        limits: What a program may use; None takes the sandbox's.
        workers: Programs at a time; None is one a core.
        allow_unconfined: See `sandbox.run_python`.

    Raises:
        RatchetError: Code cannot be confined here and running it unconfined was not allowed.
    """

    def __init__(
        self,
        assistant: Assistant,
        *,
        limits: Limits | None = None,
        workers: int | None = None,
        allow_unconfined: bool = False,
    ) -> None:
        if (why := problem()) and not allow_unconfined:
            raise RatchetError(
                f"A suite of code runs what a model wrote, and that was refused: {why} Install "
                "bubblewrap (`apt-get install bubblewrap`)."
            )
        self.name = assistant.name
        self._assistant = assistant
        self._limits = limits
        self._workers = workers
        self._unconfined = allow_unconfined

    def __call__(self, cases: Sequence[Case]) -> list[Reply]:
        replies = self._assistant(cases)
        places = [n for n, case in enumerate(cases) if case.code is not None]
        programs = [program(cases[n], replies[n].text) for n in places]
        outcomes = run_many(
            programs,
            limits=self._limits,
            workers=self._workers,
            allow_unconfined=self._unconfined,
        )
        for place, outcome in zip(places, outcomes, strict=True):
            replies[place] = replace(
                replies[place], passed=outcome.passed, reason=_why(outcome, replies[place].reason)
            )
        return replies


def run_many(
    programs: Sequence[str],
    *,
    limits: Limits | None = None,
    workers: int | None = None,
    allow_unconfined: bool = False,
) -> list[Outcome]:
    """Run programs in the sandbox, several at a time; outcomes in order.

    Each has a sandbox of its own. Time limits are by the clock, so more workers than cores could
    make slow programs fail.

    Args:
        programs: Python.
        limits: Of each; None takes the defaults.
        workers: At a time; None is one a core.
        allow_unconfined: See `sandbox.run_python`.

    Raises:
        RatchetError: They cannot be confined here and running unconfined was not allowed.
    """
    if not programs:
        return []

    def one(source: str) -> Outcome:
        return run_python(source, limits=limits, allow_unconfined=allow_unconfined)

    with ThreadPoolExecutor(workers or cpu_count() or 1) as pool:
        return list(pool.map(one, programs))


def code_in(reply: str) -> str:
    """The code of a reply: its largest fenced Python block, else the reply without its prose.

    >>> code_in("Sure:\\n```python\\nx = 1\\n```\\nThat is it.")
    'x = 1\\n'
    >>> code_in("    return a + b")
    '    return a + b'
    """
    found: list[tuple[str, str]] = _FENCE.findall(reply)
    blocks = [text for name, text in found if name.lower() in _NAMES]
    if blocks:
        return max(blocks, key=len)
    lines = reply.splitlines()
    for first, line in enumerate(lines):
        if line.startswith(_STARTS):
            return "\n".join(lines[first:])
    return reply


def program(case: Case, reply: str) -> str:
    """What is run: what the case puts before, the reply's code, and the tests.

    A reply may give the whole function or go on where `before` ends, as HumanEval's prompts have
    it; a body that starts at the margin is indented. The code is kept away from the tests' text:
    tests come last, and only by reaching the last line does a program pass.

    Raises:
        ValueError: The case has no code.
    """
    if case.code is None:
        raise ValueError(f"case {case.id} has no code")
    code, before = code_in(reply), case.code.before
    if case.code.entry_point and _defines(code, case.code.entry_point):
        code = f"{_imports(before)}{code}"
    elif before:
        first = next((line for line in code.splitlines() if line.strip()), " ")
        if before.rstrip().endswith((":", '"""', "'''")) and not first.startswith((" ", "\t")):
            code = textwrap.indent(code, "    ")
        code = f"{before.rstrip()}\n{code}"
    return f"{code}\n\n{case.code.tests}\n"


def key_of(case: Case, reply: str) -> str:
    """A hash of the program: equal ones have equal outcomes."""
    return hashlib.sha256(program(case, reply).encode()).hexdigest()[:24]


def imported(code: str) -> frozenset[str]:
    """Top-level names of the modules a piece of code imports, `__import__` and importlib too.

    Code that cannot be parsed imports nothing that is known.

    >>> sorted(imported("import os.path\\nfrom json import loads\\n__import__('socket')"))
    ['json', 'os', 'socket']
    """
    try:
        tree = ast.parse(textwrap.dedent(code))
    except (SyntaxError, ValueError):
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
        elif isinstance(node, ast.Call) and node.args:
            name = ast.unparse(node.func)
            first = node.args[0]
            if name in ("__import__", "importlib.import_module", "import_module") and isinstance(
                first, ast.Constant
            ):
                found.add(str(first.value))
    return frozenset(name.partition(".")[0] for name in found)


def _defines(code: str, name: str) -> bool:
    plain = re.escape(name)
    wanted = rf"^(?:async )?(?:def|class) {plain}\b|^{plain} *="
    return re.search(wanted, code, re.MULTILINE) is not None


def _imports(before: str) -> str:
    """The import lines and helper functions of what stands before, without the last function."""
    lines = before.splitlines()
    heads = [n for n, line in enumerate(lines) if line.startswith(("def ", "async def ", "class "))]
    kept = "\n".join(lines[: heads[-1]] if heads else lines)
    return f"{kept}\n" if kept.strip() else ""


def _why(outcome: Outcome, before: str) -> str:
    if outcome.passed:
        return before
    last = (outcome.stderr.strip().splitlines() or [""])[-1]
    return {"error": last, "left": "left before its last line"}.get(
        outcome.ending, f"broke its limit of {outcome.ending}"
    )
