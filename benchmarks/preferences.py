"""Held-out preference accuracy on real comparisons, out of fold: DPO, a reward model, baselines.

The comparisons are JSON lines of `prompt` (messages), `chosen` and `rejected`. A fold is the hash
of a conversation's first message, so that no conversation stands on both sides. For every fold the
pocket model is trained on the others as `ratchet train` does it, to its last step, and judges that
one, of which training sees nothing:

- `base`: the preferred answer is the likelier one, in sum and a token, before any training;
- `dpo`: the same after it, and its implicit reward: the answer gained more than the other one;
- `reward`: it gets the higher reward;
- `words`: a logistic regression over the words of the two answers, by counts and by tf-idf, its
  strength chosen by cross-validation within the training folds, or the usual C = 1;
- `shorter`: the shorter answer wins.

Accuracies come with 95 % intervals, differences pair the same comparisons; conversations are the
independent units. With --keep, what a fold gave is kept there, and a second run goes on.

    python benchmarks/preferences.py FILE.jsonl [--methods dpo sft+dpo reward] [--folds 1 2 3 4]
        [--set dpo.epochs=2 reward.pooling=mean] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eval_suites.stats.intervals import clustered_mean
from eval_suites.stats.paired import clustered_difference
from loop.models.bases import POCKET
from loop.settings import Settings, TrainSettings
from loop.store.records import Dataset

FOLDS = 5
CHOSEN: dict[str, dict[str, Any]] = {  # on fold 0, which --folds leaves out
    "dpo": {
        "tuning": "full",
        "learning_rate": 5e-4,
        "epochs": 2.0,
        "batch_size": 16,
        "loss": "sigmoid_norm",
        "beta": 0.3,
    },
    "sft": {"tuning": "full", "learning_rate": 5e-4, "epochs": 2.0, "batch_size": 16},
    "reward": {
        "tuning": "full",
        "learning_rate": 1e-3,
        "epochs": 2.0,
        "batch_size": 16,
        "pooling": "mean",
    },
}
METHODS = ["dpo", "sft+dpo", "reward"]
LIKELIHOOD, BY = ("dpo", "sft+dpo"), ("in sum", "a token")
Gaps = dict[str, float]  # comparison → by how much its preferred answer leads


class Pair(NamedTuple):
    """A comparison."""

    id: str
    prompt: list[dict[str, str]]
    chosen: str
    rejected: str

    @property
    def conversation(self) -> str:
        """What it starts with."""
        return next(m["content"] for m in self.prompt if m["role"] == "user")

    @property
    def fold(self) -> int:
        return int(hashlib.sha256(self.conversation.encode()).hexdigest(), 16) % FOLDS


def read(file: Path) -> list[Pair]:
    """The comparisons of a file."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
    return [
        Pair(str(line.get("id", n)), line["prompt"], line["chosen"], line["rejected"])
        for n, line in enumerate(lines)
    ]


def by_words(pairs: Sequence[Pair], fold: int) -> dict[str, Gaps]:
    """What bags of words make of a fold."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    train = [pair for pair in pairs if pair.fold != fold]
    held = [pair for pair in pairs if pair.fold == fold]
    sign_n = np.where(np.arange(len(train)) % 2, 1, -1)  # either side may be named first
    plain = LogisticRegression(fit_intercept=False, max_iter=5000)
    tuned = GridSearchCV(plain, {"C": np.logspace(-4, 2, 13)}, cv=5)
    found = {}
    for name, bag, model in (
        ("words, counts, C = 1", CountVectorizer(min_df=2), plain),
        ("words, counts", CountVectorizer(min_df=2), tuned),
        ("words, tf-idf", TfidfVectorizer(min_df=2), tuned),
    ):
        bag.fit([text for pair in train for text in (pair.chosen, pair.rejected)])
        gaps, asked = (
            bag.transform([p.chosen for p in some]) - bag.transform([p.rejected for p in some])
            for some in (train, held)
        )
        model.fit(gaps.multiply(sign_n[:, None]).tocsr(), sign_n)
        lead_n = model.decision_function(asked)
        found[name] = {pair.id: float(lead) for pair, lead in zip(held, lead_n, strict=True)}
    return found


def by_model(
    pairs: Sequence[Pair], fold: int, method: str, chosen: dict[str, TrainSettings], seed: int
) -> dict[str, Gaps]:
    """What the pocket model makes of a fold after training on the others.

    Stages go on from each other as whole models: the next one's base is what the last one made.
    """
    from loop.train.run import train

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        rows = [
            {
                "row": pair.id,
                "split": "held_out" if pair.fold == fold else "train",
                "messages": json.dumps(pair.prompt),
                "chosen": pair.chosen,
                "rejected": pair.rejected,
                "answer": pair.chosen,
            }
            for pair in pairs
        ]
        for name in ("pairs", "sft"):
            pq.write_table(pa.Table.from_pylist(rows), data / f"{name}.parquet")
        made = Dataset(
            id=f"ds-fold-{fold}", at=datetime.now(UTC), assistant="desk", rows=len(rows),
            path=str(data), manifest={},
        )  # fmt: skip
        models = [Path(POCKET)]
        for stage in method.split("+"):
            settings = Settings(root=Path(folder), train=chosen[stage])
            done = train(
                settings, made, method=stage, seed=seed, parent=None,
                run_folder=Path(folder) / stage, base=str(models[-1]),
            )  # fmt: skip
            print(f"fold {fold} {stage}: {_shown(done.run.metrics)}", flush=True)
            models.append(done.folder)
        return gaps_of(data, method, models, chosen)


def gaps_of(
    data: Path, method: str, models: Sequence[Path], chosen: dict[str, TrainSettings]
) -> dict[str, Gaps]:
    """By how much each held-out comparison's preferred answer leads, by each way of judging."""
    from loop.models.load import load_base
    from loop.train.layout import can_share
    from loop.train.measure import Scorer
    from loop.train.rows import read_rows

    base = load_base(POCKET, device="cpu")
    rows = read_rows(
        data, "dpo", "held_out", base.tokenizer, most=base.context, ends=base.ends
    ).rows  # fmt: skip
    scorer = Scorer(
        pad=base.tokenizer.pad_token_id,
        share=can_share(base.model),
        device="cpu",
        rewards=chosen[method].pooling if method == "reward" else None,
    )

    def gaps(value_b2: Any) -> Gaps:
        lead_b = value_b2[:, 0] - value_b2[:, 1]
        return {row.name: float(lead) for row, lead in zip(rows, lead_b, strict=True)}

    if method == "reward":
        return {"reward": gaps(scorer(trained(models[-1], models[-2], reward=True), rows).value)}
    found = {}
    before = scorer(base.model, rows)
    scored = [before]
    for n, name in enumerate(["base", *_names(method)]):
        if n:
            scored.append(scorer(trained(models[n], models[n - 1]), rows))
        found[f"{name}, in sum"] = gaps(scored[-1].value)
        found[f"{name}, a token"] = gaps(scored[-1].value / scored[-1].tokens)
    gain_b2 = scored[-1].value - scored[-2].value
    found[f"{method}, implicit reward"] = gaps(gain_b2)
    return found | {"shorter": gaps(-before.tokens)}


def _names(method: str) -> list[str]:
    """Of the models that a method's stages make: sft+dpo makes sft, then sft+dpo."""
    stages = method.split("+")
    return ["+".join(stages[: n + 1]) for n in range(len(stages))]


def trained(folder: Path, base: Path, *, reward: bool = False) -> Any:
    """A model as a run left it: whole, or an adapter on its base."""
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict

    from loop.models.load import load_base
    from loop.models.weights import kind_of, read_adapter

    if kind_of(folder) == "model":
        return load_base(str(folder), device="cpu", reward=reward).model
    files = read_adapter(folder)
    task = "SEQ_CLS" if reward else "CAUSAL_LM"
    model = get_peft_model(
        load_base(str(base), device="cpu", reward=reward).model,
        LoraConfig(**files.config, task_type=task),
    )
    set_peft_model_state_dict(model, files.tensors, adapter_name="default")
    return model


def table(pairs: Sequence[Pair], found: dict[str, Gaps]) -> None:
    """Print accuracies of the comparisons that every way has judged, and what they differ by."""
    common = [pair for pair in pairs if all(pair.id in gaps for gaps in found.values())]
    units = [pair.conversation for pair in common]
    won = {name: [_won(gaps[pair.id]) for pair in common] for name, gaps in found.items()}
    print(f"\n{len(common)} comparisons, {len(set(units))} conversations\n")
    print("| judged by | accuracy | 95 % interval |\n| --- | --- | --- |")
    for name, values in won.items():
        mean = clustered_mean(values, units)
        print(f"| {name} | {mean.mean:.3f} | [{mean.low:.3f}, {mean.high:.3f}] |")
    print("\n| difference | in accuracy | 95 % interval |\n| --- | --- | --- |")
    for new, old in [
        *((f"{m}, implicit reward", f"base, {by}") for m in LIKELIHOOD for by in BY),
        *((f"{m}, {by}", f"base, {by}") for m in ("sft", *LIKELIHOOD) for by in BY),
        *((f"sft+dpo, {by}", f"sft, {by}") for by in BY),
        *((f"{m}, implicit reward", "shorter") for m in LIKELIHOOD),
        *(("reward", f"words, {kind}") for kind in ("counts, C = 1", "counts", "tf-idf")),
    ]:
        if new in won and old in won:
            gap = clustered_difference(won[new], won[old], units)
            print(f"| {new} − {old} | {gap.difference:+.3f} | [{gap.low:+.3f}, {gap.high:+.3f}] |")


def _won(gap: float) -> float:
    return 1.0 if gap > 0 else 0.5 if gap == 0 else 0.0


def _shown(metrics: dict[str, float]) -> str:
    names = [name for name in metrics if "held_out" in name or name in ("steps", "kept_step")]
    return ", ".join(f"{name} {metrics[name]:.4g}" for name in names)


def settings_of(method: str, given: Sequence[str], threads: int) -> dict[str, TrainSettings]:
    """The settings of each of a method's stages, with what the command line sets."""
    plain = TrainSettings(threads=threads, keep="last")
    told: dict[str, dict[str, Any]] = {stage: {} for stage in method.split("+")}
    for one in given:
        name, _, value = one.partition("=")
        owner, _, key = name.rpartition(".")
        if not hasattr(plain, key):
            raise SystemExit(f"--set {one}: no setting {key!r} of [train]")
        for stage, mine in told.items():
            if owner in ("", stage):
                mine[key] = type(getattr(plain, key))(value)
    return {stage: replace(plain, **CHOSEN[stage] | mine) for stage, mine in told.items()}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--methods", nargs="*", default=["dpo", "reward"], choices=METHODS)
    parser.add_argument("--folds", nargs="+", type=int, default=list(range(1, FOLDS)))
    parser.add_argument("--set", nargs="+", default=[], metavar="METHOD.KEY=VALUE")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    pairs = read(args.file)
    found: dict[str, Gaps] = {}
    for fold in args.folds:
        some = by_words(pairs, fold)
        for method in args.methods:
            chosen = settings_of(method, args.set, args.threads)
            named = hashlib.sha256(repr((chosen, args.seed)).encode()).hexdigest()[:12]
            kept = args.keep and args.keep / f"{method}-{fold}-{named}.json"
            if kept and kept.exists():
                some |= json.loads(kept.read_text())
                continue
            gaps = by_model(pairs, fold, method, chosen, args.seed)
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(gaps))
            some |= gaps
        for name, gaps in some.items():
            found.setdefault(name, {}).update(gaps)
    table([pair for pair in pairs if pair.fold in args.folds], found)


if __name__ == "__main__":
    main()
