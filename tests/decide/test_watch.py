"""After a promotion harm is rolled back, with its figures; what is sound stays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.decide.watch import watch
from loop.models.registry import champion
from loop.settings import Settings, WatchSettings
from loop.store.audit import verify_chain
from loop.store.store import LocalStore
from tests.factories import make_adapter, make_interaction, make_rating

SETTINGS = Settings(
    watch=WatchSettings(guardrails=("flagged", "thumb_up", "abstained by 0.1"), minimum=20)
)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    with contextlib.closing(LocalStore(tmp_path / "store.duckdb")) as one:
        one.append([make_adapter(id="ad-new")])
        yield one


def promoted(store: LocalStore) -> datetime:
    """When ad-new took over from the base."""
    store.command(
        "promote", assistant="desk", adapter="ad-new", actor="test", reason="better", evidence={},
        expected_champion="base",
    )  # fmt: skip
    at: datetime = store.query("promotions", assistant="desk")[0]["at"]
    return at


def week(
    store: LocalStore,
    since: datetime,
    adapter: str,
    *,
    flags: int = 0,
    likes: int = 60,
    **fields: Any,
) -> None:
    """One answer to each of a hundred people, all of whom rate it, at an hour from `since`."""
    hours = timedelta(hours=1 if adapter == "ad-new" else -1)
    rows: list[Any] = []
    for n in range(100):
        told = make_interaction(
            id=f"{adapter}-{n}", user=f"u{n}", adapter=adapter, at=since + hours, **fields
        )
        thumb = 1.0 if n < likes else -1.0
        rows += [told, make_rating(interaction=told.id, value=thumb, at=since + hours)]
        if n < flags:
            flag = {"kind": "flag", "text": "wrong citation", "at": since + hours}
            rows.append(make_rating(interaction=told.id, **flag))
    store.append(rows)


def test_without_a_promotion_there_is_nothing_to_watch(store: LocalStore) -> None:
    assert watch(store, SETTINGS, at=datetime.now().astimezone()).verdict == "nothing"


def test_a_promotion_that_does_no_harm_stays(store: LocalStore) -> None:
    since = promoted(store)
    week(store, since, "base", flags=2)
    week(store, since, "ad-new", flags=2)
    found = watch(store, SETTINGS, at=since + DAY)
    assert found.verdict == "sound"
    assert found.people == {"before": 100, "since": 100}
    assert [one.state for one in found.guardrails] == ["kept", "kept", "open"]  # nobody abstained
    assert champion(store, "desk") == "ad-new"


@pytest.mark.parametrize(
    ("harm", "metric"),
    [({"flags": 30}, "flagged"), ({"likes": 20}, "thumb_up"), ({"abstained": True}, "abstained")],
)
def test_harm_is_rolled_back_with_its_figures(
    store: LocalStore, harm: dict[str, Any], metric: str
) -> None:
    since = promoted(store)
    week(store, since, "base")
    week(store, since, "ad-new", **harm)
    told = watch(store, SETTINGS, at=since + DAY, act=False)
    assert (told.verdict, champion(store, "desk")) == ("broken", "ad-new")
    found = watch(store, SETTINGS, at=since + DAY)
    assert found.verdict == "rolled_back"
    assert metric in found.sentence
    assert champion(store, "desk") == "base"
    row = store.query("promotions", assistant="desk")[0]
    assert {g["metric"] for g in row["evidence"]["watch"] if g["state"] == "broken"} == {metric}
    assert row["actor"] == "watch"
    assert verify_chain(store.query("audit_chain")) is None
    assert watch(store, SETTINGS, at=since + DAY).verdict == "nothing"  # once is enough


def test_few_people_decide_nothing(store: LocalStore) -> None:
    since = promoted(store)
    week(store, since, "base")
    week(store, since, "ad-new", flags=100)
    few = Settings(watch=WatchSettings(guardrails=("flagged",), minimum=101))
    assert watch(store, few, at=since + DAY).verdict == "sound"


def test_the_watch_ends_and_what_came_long_before_does_not_count(store: LocalStore) -> None:
    since = promoted(store)
    week(store, since - 30 * DAY, "base")
    week(store, since, "ad-new", flags=100)
    assert watch(store, SETTINGS, at=since + DAY).verdict == "sound"  # nothing to compare with
    assert watch(store, SETTINGS, at=since + 8 * DAY).verdict == "over"
    assert champion(store, "desk") == "ad-new"


def test_a_guardrail_that_is_not_known_is_named(store: LocalStore) -> None:
    wrong = Settings(watch=WatchSettings(guardrails=("flaged by 0.1",)))
    with pytest.raises(RatchetError, match="Did you mean 'flagged'"):
        watch(store, wrong, at=datetime.now().astimezone())
    for text in ("flagged by", "flagged by much", "flagged by -1"):
        with pytest.raises(RatchetError, match="is not written|0 or more"):
            watch(store, Settings(watch=WatchSettings(guardrails=(text,))), at=datetime.now())
