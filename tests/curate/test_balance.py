from __future__ import annotations

import json

import numpy as np

from loop.cli import main
from loop.curate.balance import capped
from loop.curate.bias import Learnt, Rated, balance_report, by_group, length_bias, refusal_bias
from loop.curate.clusters import Cluster, assign, describe, fit, how_many

NO_IDEA = "I do not know; the handbook does not say."


def topics(count, rows, seed=0):
    """Rows about so many things that have nothing to do with one another."""
    rng = np.random.default_rng(seed)
    of_n = np.arange(rows) % count
    vectors_nd = np.eye(16)[of_n] + 0.05 * rng.standard_normal((rows, 16))
    return of_n, (vectors_nd / np.linalg.norm(vectors_nd, axis=1, keepdims=True)).astype(np.float32)


def cluster(name="Wires", rows=1):
    return Cluster(name=name, prompts=(name,), words=(), rows=rows)


def test_nobody_has_more_rows_than_allowed_and_each_person_of_a_row_counts():
    users = [("ada",), ("ada", "ben"), ("ben",), ("ada",), ("cy",)]
    assert capped(users, None, None, 2, 0.0) == [None, None, None, "most_per_user", None]
    assert capped(users, None, None, 1, 0.0)[1:3] == ["most_per_user", None]


def test_rows_with_the_lowest_keys_stay_whatever_their_order():
    users = [("ada",)] * 5
    assert capped(users, None, ["e", "a", "d", "b", "c"], 2, 0.0) == [
        "most_per_user", None, "most_per_user", None, "most_per_user",
    ]  # fmt: skip


def test_no_task_has_more_than_its_share_of_what_the_first_cap_leaves():
    users = [(f"user-{n}",) for n in range(20)]
    clusters = np.array([0] * 14 + [1] * 3 + [2] * 3)
    reasons = capped(users, clusters, None, 10, 0.25)
    assert [reason is None for reason in reasons].count(True) == 11
    assert reasons[5:14] == ["most_per_cluster"] * 9


def test_a_share_of_zero_is_no_limit():
    assert capped([("a",), ("b",)], np.array([0, 0]), None, 9, 0.0) == [None, None]
    assert capped([], np.zeros(0, dtype=np.int64), [], 1, 0.5) == []


def test_clusters_find_the_tasks_whatever_the_order_of_the_rows():
    of_n, vectors_nd = topics(4, 120)
    keys = np.array([f"{n * 7919 % 1000:03d}" for n in range(120)])
    centres_kd = fit(vectors_nd, keys.tolist(), seed=7, k=4)
    found = assign(vectors_nd, centres_kd)
    assert len({(a, b) for a, b in zip(of_n.tolist(), found.tolist(), strict=True)}) == 4
    order = np.random.default_rng(1).permutation(120)
    again = fit(vectors_nd[order], keys[order].tolist(), seed=7, k=4)
    assert np.array_equal(again, centres_kd)


def test_there_are_never_more_clusters_than_different_questions():
    vectors_nd = np.repeat(np.eye(2, dtype=np.float32), 50, axis=0)
    assert len(fit(vectors_nd, [f"{n:03d}" for n in range(100)], seed=1, k=9)) == 2
    assert len(fit(vectors_nd[:0], [], seed=1)) == 0
    assert how_many(0) == 1


def test_a_cluster_is_named_by_its_most_typical_prompt_without_personal_data():
    vectors_nd = np.array([[1, 0], [0.9, 0.1], [0, 1]], dtype=np.float32)
    prompts = ["What does a wire to ada@example.org cost?", "And a wire trace?", "Close my account"]
    wires, closing = describe(prompts, vectors_nd, np.eye(2, dtype=np.float32), np.array([0, 0, 1]))
    assert wires.name == "What does a wire to [EMAIL_ADDRESS] cost?"
    assert "wire" in wires.words
    assert (wires.rows, closing.rows, closing.name) == (2, 1, "Close my account")


def report(rows_n, live_m, rows=None):
    clusters = [cluster("Wires"), cluster("Cards")]
    rows = rows or [Learnt(kind="sft", answer="Yes.") for _ in rows_n]
    nearest_m = np.full(len(live_m), 0.7, dtype=np.float32)
    return balance_report(clusters, rows, np.array(rows_n), np.array(live_m), nearest_m, [])


def test_what_people_ask_for_and_the_dataset_lacks_is_a_gap():
    found = report([0] * 180 + [1] * 20, [0] * 100 + [1] * 100)
    assert [one["flag"] for one in found["clusters"]] == ["over", "gap"]
    gap = found["clusters"][1]
    assert gap["difference"]["high"] < 0
    assert gap["dataset"]["low"] < 0.1 < gap["dataset"]["high"]
    assert found["coverage"]["mean"] == 1.0


def test_chance_is_no_gap_and_without_traffic_nothing_is_said():
    assert [one["flag"] for one in report([0, 0, 1], [0, 1, 1])["clusters"]] == [None, None]
    found = report([0, 1], np.zeros(0, dtype=np.int64))
    assert found["clusters"][0]["live"]["mean"] is None
    assert found["coverage"]["mean"] is None
    assert json.dumps(found)


def test_a_liking_for_long_answers_and_for_refusals_is_seen():
    rows = [
        *(
            Learnt(kind="pair", answer="It is 5 dollars a month.", rejected="No.")
            for _ in range(30)
        ),
        Learnt(kind="pair", answer="Yes.", rejected="No."),
        Learnt(kind="sft", answer=NO_IDEA),
        Learnt(kind="kto", answer=NO_IDEA, label=False),
    ]
    longer = length_bias(rows)["chosen_longer"]
    assert (longer["mean"], longer["n"]) == (1.0, 30)
    assert longer["low"] > 0.8
    refusals = refusal_bias(rows)
    assert (refusals["sft"]["mean"], refusals["kto_bad"]["mean"]) == (1.0, 1.0)
    assert (refusals["chosen"]["mean"], refusals["kto_good"]["n"]) == (0.0, 0)


def test_a_group_that_fares_worse_is_named_and_a_small_one_is_not():
    rated = [Rated(good=n % 10 > 0, groups={"adapter": "a"}) for n in range(200)]
    rated += [Rated(good=n % 2 == 0, groups={"adapter": "b"}) for n in range(60)]
    rated += [Rated(good=False, groups={"adapter": "c"}) for _ in range(3)]
    found = {one["group"]: one["flag"] for one in by_group(rated)["adapter"]}
    assert found == {"a": "better", "b": "worse", "c": None}


def test_the_command_tells_of_the_newest_version(made, store, tmp_path, monkeypatch, capsys):
    from tests.curate.conftest import preferred

    class Embedder:
        def encode(self, texts):
            return np.array([[1.0, len(text) % 3] for text in texts], dtype=np.float32)

    done = made(*(preferred(n) for n in range(4)))
    store.close()
    (tmp_path / ".ratchet").mkdir(exist_ok=True)
    (tmp_path / "store.duckdb").rename(tmp_path / ".ratchet" / "store.duckdb")
    monkeypatch.setattr("knowledge.embed.load_embedder", lambda name: Embedder())
    assert main(["datasets", "balance", "--project", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["dataset"], found["rows"], found["live"]) == (done.dataset.id, 4, 8)
    assert main(["datasets", "balance", "--project", str(tmp_path)]) == 0
    assert "most typical prompt" in capsys.readouterr().out
    assert main(["datasets", "balance", "--project", str(tmp_path), "--last", "0"]) == 2
