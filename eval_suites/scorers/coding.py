"""Code that a reply holds: does it pass its tests, and does it keep to the organisation's rules?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from eval_suites.code import code_in, imported
from eval_suites.records import Case, Reply
from knowledge.errors import RatchetError

SECONDS = 30.0  # for ruff


def code_passes(case: Case, reply: Reply) -> float | None:
    """1 if the code passes its tests in the sandbox. For cases with code."""
    if case.code is None or reply.passed is None:
        return None
    return float(reply.passed)


def imports_allowed(case: Case, reply: Reply) -> float | None:
    """1 if the code imports nothing that is forbidden. For cases with such a rule."""
    if not case.rules.get("forbidden_imports"):
        return None
    return float(not imported(code_in(reply.text)) & set(case.rules["forbidden_imports"]))


def licence_header(case: Case, reply: Reply) -> float | None:
    """1 if the code begins with the licence header. For cases with such a rule."""
    if not case.rules.get("licence_header"):
        return None
    lines = [line.strip() for line in code_in(reply.text).strip().splitlines()[:10]]
    wanted = [line.strip() for line in str(case.rules["licence_header"]).strip().splitlines()]
    plain = [line.lstrip("#/* ").strip() for line in lines]
    places = [slice(n, n + len(wanted)) for n in range(len(lines))]
    return float(any(wanted in (lines[place], plain[place]) for place in places))


def ruff_clean(case: Case, reply: Reply) -> float | None:
    """1 if ruff finds nothing under the rules named. For cases with such a rule."""
    if not case.rules.get("ruff"):
        return None
    return float(not _ruff(code_in(reply.text), tuple(case.rules["ruff"])))


def _ruff(code: str, rules: Sequence[str]) -> list[str]:
    """What ruff finds, by its own configuration alone."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache"]
    command += ["--select", ",".join(rules), "--output-format", "json"]
    command += ["--stdin-filename", "reply.py", "-"]
    done = subprocess.run(
        command, input=code, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise RatchetError(
            f"ruff could not check a reply: {done.stderr.strip()[-200:]} The rule `ruff` needs "
            '`pip install "ratchet-loop[code]"`, and rules that ruff knows.'
        )
    return [str(one["code"]) for one in json.loads(done.stdout)]
