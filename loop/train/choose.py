"""Settings that a practitioner would choose, from the data and the machine, each with its reason.

What ratchet.toml names stands. The rest follows rules of thumb that are written down here, so that
a run says why it is as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from loop.settings import TrainSettings
from loop.train import ranks
from loop.train.job import CHOSEN, Method, read_json, write_json

_SMALL = 50e6  # parameters below which a model wants a higher learning rate
# Method → learning rate of an adapter on a small model, of an adapter, of full tuning.
# Sources: Schulman and Thinking Machines, "LoRA Without Regret", 2025 (an adapter wants about ten
# times full tuning); TRL's defaults for full tuning; the pocket model's own trials.
_RATES: dict[str, tuple[float, float, float]] = {
    "sft": (1e-3, 2e-4, 2e-5),
    "dpo": (1e-3, 1e-5, 1e-6),
    "kto": (1e-3, 1e-5, 1e-6),
    "reward": (1e-3, 1e-4, 1e-5),
    "grpo": (5e-4, 1e-5, 1e-6),
}
_WARM = 200  # steps after which Adam's second moments, with its usual 0.999, are no mere guess
_SHARE = 0.6  # of free memory that a step may take
_BYTES = {"fp32": 4, "bf16": 2}


class Facts(NamedTuple):
    """What the choice rests on."""

    method: Method
    lengths: Sequence[int]  # tokens of each row, prompt and answers
    longest: Sequence[int]  # tokens of each row's prompt with its longest answer
    context: int  # the most tokens the model can hold
    answers: Sequence[int]  # tokens of each row's answers, which take logits
    parameters: int
    hidden: int
    layers: int
    feed_forward: int
    vocabulary: int
    device: str
    memory: int  # bytes free for training
    bf16: bool
    attention: str  # what the model was loaded with
    parent: Mapping[str, Any] | None = None  # configuration of the adapter it goes on from


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The settings of a run; `reasons` says of each whose choice it was and why."""

    learning_rate: float
    epochs: float
    max_tokens: int
    batch_size: int
    warmup: float  # share of all steps
    micro_batch: int
    rank: int
    alpha: int
    precision: str
    attention: str
    gradient_checkpointing: bool
    reasons: dict[str, str]


def choose(known: TrainSettings, facts: Facts) -> Chosen:
    """Settle every setting that was left open.

    Args:
        known: What the project sets; 0 and "auto" are open.
        facts: The rows and the machine.
    """
    most, why_most = longest_kept(facts.longest, facts.context)
    most = min(known.max_tokens or most, facts.context)
    facts = _within(facts, most)
    rows = len(facts.lengths)
    small = facts.parameters < _SMALL
    full = known.tuning == "full"
    rates = _RATES[facts.method]
    size = f"{facts.parameters / 1e6:,.1f} M parameters"
    rate = rates[2] if full and not small else rates[0] if small else rates[1]
    if full and small:
        rate /= 3
    batch = _batch(rows)
    epochs, why_epochs = _epochs(facts.method, rows, known.batch_size or batch)
    rank = 16 if rows < 5_000 else 32 if rows < 50_000 else 64
    bf16 = facts.bf16 and facts.device != "cpu"
    machine = "the device computes in it" if bf16 else f"the safe choice on {facts.device}"
    took: dict[str, Any] = {}
    reasons: dict[str, str] = {}

    def settle(name: str, chosen: Any, why: str, free: Any = 0) -> Any:
        set_to = getattr(known, name)
        took[name] = chosen if set_to == free else set_to
        reasons[name] = why if set_to == free else "set in ratchet.toml"
        return took[name]

    settle("max_tokens", most, why_most)
    took["max_tokens"] = most
    kind = "full tuning" if full else "an adapter"
    settle("learning_rate", rate, f"{kind} by {facts.method} on {size}")
    settle("batch_size", batch, f"{rows:,} rows")
    settle("epochs", epochs, why_epochs)
    steps = math.ceil(rows / took["batch_size"]) * took["epochs"]
    settle("warmup", *_warmup(steps), -1.0)
    settle("rank", rank, f"{rows:,} rows: more have more to say")
    settle("alpha", 2 * took["rank"], "twice the rank")
    for name, theirs in (("rank", "r"), ("alpha", "lora_alpha")):
        if facts.parent is not None:
            took[name] = int(facts.parent[theirs])
            reasons[name] = "of the adapter it goes on from, whatever ratchet.toml sets"
    settle("precision", "bf16" if bf16 else "fp32", machine, "auto")
    settle("attention", facts.attention, "what the model comes with here", "auto")
    fits = rows_at_once(facts, took["precision"], checkpointing=False)
    checkpointing = fits < 1
    if checkpointing:
        fits = max(1, rows_at_once(facts, took["precision"], checkpointing=True))
    longest = max(facts.lengths, default=0)
    why = f"{fits:,} rows of {longest:,} tokens fit in {facts.memory / 2**30:.1f} GiB"
    settle("micro_batch", min(took["batch_size"], fits), why)
    took["micro_batch"] = min(took["micro_batch"], took["batch_size"])
    reasons["gradient_checkpointing"] = (
        "no row fits without"
        if checkpointing
        else "rows fit without, and it costs a third of the speed"
    )
    return Chosen(gradient_checkpointing=checkpointing, reasons=reasons, **took)


def rows_at_once(facts: Facts, precision: str, *, checkpointing: bool) -> int:
    """How many of the longest rows a step can hold; 0 if not even one.

    Counts what the backward pass keeps of every layer, and the answers' logits, three times.

    Source: Korthikanti et al., MLSys 2023, section 4 (without the attention matrix, which neither
    flash nor memory-efficient kernels keep).
    """
    each = _BYTES[precision]
    layer = (13 * facts.hidden + 4 * facts.feed_forward) * each
    kept = facts.layers * (facts.hidden * each if checkpointing else layer)
    kept += layer if checkpointing else 0
    worst = max(
        (
            length * kept + answers * facts.vocabulary * 4 * 3
            for length, answers in zip(facts.lengths, facts.answers, strict=True)
        ),
        default=1,
    )
    return int(facts.memory * _SHARE // max(1, worst))


def longest_kept(lengths: Sequence[int], context: int) -> tuple[int, str]:
    """Tokens of prompt plus answer up to which rows are kept, and why.

    Twice what 95 of 100 rows need: the few that are longer still cost every batch they are in.

    Args:
        lengths: Of each row, its longest answer with the prompt.
        context: The most tokens the model can hold.

    >>> longest_kept([100] * 95 + [150] * 4 + [4000], 8192)[0]
    256
    """
    ordered = sorted(lengths)
    p50, p95, top = (_percentile(ordered, share) for share in (0.5, 0.95, 1.0))
    room = min(context, max(64, 64 * math.ceil(2 * p95 / 64)))
    told = f"rows have {p50:,} tokens (median), {p95:,} (95 %), {top:,} (longest)"
    return room, f"{told}; the model holds {context:,}"


def _within(facts: Facts, most: int) -> Facts:
    kept = [n for n, length in enumerate(facts.longest) if length <= most]
    return facts._replace(
        lengths=[facts.lengths[n] for n in kept],
        longest=[facts.longest[n] for n in kept],
        answers=[facts.answers[n] for n in kept],
    )


def settled(folder: Path, make: Callable[[], Chosen]) -> Chosen:
    """What a run chose when it began; a resumed one keeps to it, whatever the machine is like now.

    Args:
        folder: The run's.
        make: Chooses, when nothing was chosen yet; of several processes the first one.
    """
    return ranks.told(lambda: _settled(folder, make))


def _settled(folder: Path, make: Callable[[], Chosen]) -> Chosen:
    data = read_json(folder / CHOSEN)
    if data is not None and set(data) == {f.name for f in fields(Chosen)}:
        return Chosen(**data)
    chosen = make()
    write_json(folder / CHOSEN, asdict(chosen))
    return chosen


def _percentile(ordered: Sequence[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)] if ordered else 0


def _warmup(steps: float) -> tuple[float, str]:
    """The share of steps on which the learning rate rises: long enough for Adam's averages."""
    most = min(0.1, _WARM / max(steps, 1.0))
    return most, f"a tenth of {steps:,.0f} steps, and no more than {_WARM}"


def _batch(rows: int) -> int:
    """About fifty steps an epoch, as far as that is sensible."""
    return 8 if rows < 200 else 16 if rows < 2_000 else 32 if rows < 20_000 else 64


def _epochs(method: str, rows: int, batch: int) -> tuple[float, str]:
    """Fewer the more rows there are; preferences are overlearnt sooner than answers.

    Rules of thumb, kept on the safe side: three epochs of DPO instead of two on 212 pairs gave up
    facts for citations on the pocket model.
    """
    wanted = 1.0 if rows >= 5_000 else 2.0
    if method in ("sft", "reward") and rows < 2_000:
        wanted = 3.0
    steps = math.ceil(rows / batch) * wanted
    return wanted, f"{rows:,} rows of {method}: {steps:,.0f} steps of {batch}"
