"""What needs a person next, from where the loop stands."""

from __future__ import annotations

from dashboards.records import Home, Todo
from dashboards.words import code


def todos(home: Home) -> list[Todo]:
    """What waits, most pressing first; empty when nothing does."""
    return [
        todo
        for todo in (
            _first_question(home),
            _reviews(home),
            _promotion(home),
            _judgement(home),
            _test(home),
            _night(home),
        )
        if todo is not None
    ]


def count(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    >>> count(1, "answer"), count(12000, "answer")
    ('1 answer', '12,000 answers')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _first_question(home: Home) -> Todo | None:
    if home.interactions:
        return None
    says = "Nothing has been asked yet. Ask a question, or import answers with `ratchet log`."
    return Todo(says=says, page="ask", label="Ask a question")


def _reviews(home: Home) -> Todo | None:
    if not home.unrated:
        return None
    says = f"{count(home.unrated, 'answer waits', 'answers wait')} for review."
    return Todo(says=says, page="review", label="Review answers")


def _promotion(home: Home) -> Todo | None:
    passed = home.verdict == "pass" and home.decided_against == home.champion
    if not passed or home.decided == home.champion:
        return None
    says = f"{code(home.decided)} passed the gate and is not champion."
    return Todo(says=says, page="adapters", label="Decide")


def _judgement(home: Home) -> Todo | None:
    if home.adapter is None or home.adapter in (home.decided, home.champion):
        return None
    says = f"{code(home.adapter)} has not been judged: run {code(f'ratchet gate {home.adapter}')}."
    return Todo(says=says, page="evaluations", label="See evaluations")


def _test(home: Home) -> Todo | None:
    if home.running is None:
        return None
    return Todo(says="An A/B test is running.", page="experiments", label="See the test")


def _night(home: Home) -> Todo | None:
    if home.dataset is None:
        said = home.ratings + home.comparisons
        if not said:
            return None
        says = f"{count(said, 'judgement')} and no dataset yet: `ratchet nightly` learns from them."
    elif home.ratings_since:
        fresh = count(home.ratings_since, "rating")
        says = f"{fresh} since the newest dataset: `ratchet nightly` learns from them."
    else:
        return None
    return Todo(says=says, page="adapters", label="See adapters")
