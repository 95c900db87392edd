"""What a judge made of a reply."""

from __future__ import annotations

from eval_suites.records import Case, Reply


def graded(case: Case, reply: Reply) -> float | None:
    """The judge's grade from 1 to 5 as a share. None where no judge is set.

    Where the judge's words could not be read the grade is missing, and the case with it.
    """
    return reply.grade
