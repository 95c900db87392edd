"""1,000 planted canaries go through the whole pipeline, and no file of the dataset holds one."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.canaries import canaries, core, survives
from tests.curate.conftest import correct, every_row, thumb
from tests.factories import make_interaction

PLANTED = canaries(1000, seed=23)


def told(folder: str) -> str:
    """Every text in every file of a dataset version, unpacked."""
    found = []
    for path in sorted(Path(folder).iterdir()):
        if path.suffix == ".parquet":
            found += [str(row) for row in pq.read_table(path).to_pylist()]
        else:
            found.append(path.read_text(encoding="utf-8"))
    return "\n".join(found)


@pytest.mark.parametrize(
    ("policy", "count"),
    [
        pytest.param("mask", 1000, marks=pytest.mark.long),
        ("mask", 200),
        ("pseudonymise", 200),
        ("drop", 200),
    ],
)
def test_no_canary_is_in_any_file_of_a_dataset(made, monkeypatch, policy, count):
    monkeypatch.setenv("RATCHET_PSEUDONYM_KEY", "a key that is only for this test")
    records = []
    for n, one in enumerate(PLANTED[:count]):
        in_question, in_answer = n % 3 == 0, n % 3 == 1
        turn = make_interaction(
            user=f"user-{n}",
            question=one.text if in_question else f"What about parcel kind k{n}?",
            answer=one.text if in_answer else f"Parcel kind k{n} costs crowns [1].",
        )
        records += [turn, thumb(turn, 1.0 if n % 2 else -1.0)]
        if n % 3 == 2:
            records.append(correct(turn, one.text, rater="bo"))
    clean = make_interaction(user="nobody", question="Is it dear?", answer="Not at all [1].")
    done = made(records, clean, thumb(clean), personal_data=policy, most_per_user=5000)
    assert every_row(done)
    everything = core(told(done.dataset.path))
    assert [one for one in PLANTED if one.core in everything] == []
    for row in every_row(done):  # nor is a part of one left where it stood
        number = row["users"][0].removeprefix("user-")
        if number.isdigit():
            texts = [one["content"] for one in row["messages"]]
            texts += [row[name] for name in ("answer", "chosen", "rejected") if name in row]
            assert not survives(PLANTED[int(number)], "\n".join(texts)), texts
