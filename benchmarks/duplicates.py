"""Near copies planted among 50,000 texts: how many are found, and what else is.

Texts of 30 to 200 words are drawn from words as common as in English (Zipf), in sentences that many
texts share; a tenth are near copies of others: up to 8 % of the words changed, dropped, added or
swapped, or other case and punctuation, or a greeting around. Ours beside datasketch's MinHash-LSH
of 5-grams at 0.7, whose candidates are verified the same way, in one run.

    python benchmarks/duplicates.py [--texts 50000] [--seed 7]
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence

import numpy as np

from knowledge.text import jaccard, ngrams
from loop.curate import sketch
from loop.curate.duplicates import Numbers, near_copies
from loop.curate.steps import GRAM
from loop.settings import CurateSettings

PLANTED = 0.10
CHANGED = 0.08  # of a text's words, at most
GREETINGS = ("Hello, quick question:", "Hi there.", "Good morning,", "Please help:")

Found = dict[int, int]  # copy → what stands for it


def texts_of(count: int, seed: int) -> tuple[list[str], dict[int, int]]:
    """Texts in random order, and which of them is a near copy of which."""
    world = random.Random(seed)
    vocabulary = ["".join(world.choices("abcdefghijklmnopqrstuvwxyz", k=world.randint(2, 9)))
                  for _ in range(30_000)]  # fmt: skip
    zipf = [1 / (rank + 3) for rank in range(len(vocabulary))]
    common = [world.choices(vocabulary, zipf, k=12) for _ in range(200)]  # sentences

    def fresh() -> list[str]:
        words = world.choices(vocabulary, zipf, k=world.randint(30, 200))
        return [*world.choice(common), *words] if world.random() < 0.5 else words

    planted = int(count * PLANTED)
    base = [fresh() for _ in range(count - planted)]
    sources = world.sample(range(len(base)), planted)
    copies = [_altered(base[source], world, vocabulary) for source in sources]
    texts = [" ".join(words) for words in base] + copies
    order = world.sample(range(count), count)
    place = {old: new for new, old in enumerate(order)}
    pairs = {place[len(base) + n]: place[source] for n, source in enumerate(sources)}
    return [texts[old] for old in order], pairs


def _altered(words: Sequence[str], world: random.Random, vocabulary: Sequence[str]) -> str:
    words = list(words)
    for _ in range(world.randint(1, max(1, int(len(words) * CHANGED)))):
        at = world.randrange(len(words) - 1)
        how = world.randrange(4)
        if how == 0:
            words[at] = world.choice(vocabulary)
        elif how == 1:
            del words[at]
        elif how == 2:
            words.insert(at, world.choice(vocabulary))
        else:
            words[at], words[at + 1] = words[at + 1], words[at]
    text = " ".join(words)
    if world.random() < 0.3:
        text = text.upper() if world.random() < 0.5 else text.replace(" ", ", ")
    return f"{world.choice(GREETINGS)} {text}" if world.random() < 0.3 else text


def ours(texts: Sequence[str]) -> Found:
    """What curation finds."""
    grams = sketch.Texts(texts).grams(GRAM, np.arange(len(texts)))

    def grams_of(numbers: Numbers) -> dict[int, sketch.Grams]:
        return {int(n): grams[int(n)].values.to_numpy() for n in numbers}

    return near_copies(
        sketch.bands(grams), range(len(texts)), grams_of, CurateSettings().near_duplicate
    )


def datasketch_lsh(texts: Sequence[str]) -> Found:
    """The usual way."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=0.7, num_perm=128)
    grams = [ngrams(text, 5) for text in texts]
    found: Found = {}
    for number, of_text in enumerate(grams):
        made = MinHash(num_perm=128)
        made.update_batch([gram.encode() for gram in of_text])
        twins = sorted(index.query(made))
        twin = next((one for one in twins if jaccard(of_text, grams[one]) >= 0.7), None)
        if twin is None:
            index.insert(number, made)
        else:
            found[number] = twin
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    texts, planted = texts_of(args.texts, args.seed)
    truth = {frozenset(pair) for pair in planted.items()}
    methods: dict[str, Callable[[Sequence[str]], Found]] = {
        "ours": ours, "datasketch 5-grams 0.7": datasketch_lsh,
    }  # fmt: skip
    print(f"{len(texts):,} texts, {len(truth):,} planted near copies (simulated)")
    times = {}
    for name, method in methods.items():
        started = time.perf_counter()
        try:
            found = {frozenset(pair) for pair in method(texts).items()}
        except ImportError:
            print(f"{name}: not installed (`pip install datasketch`)")
            continue
        times[name] = time.perf_counter() - started
        right = len(found & truth)
        print(f"{name}: recall {right / len(truth):.4f}, precision "
              f"{right / len(found) if found else np.nan:.4f}, {times[name]:.1f} s")  # fmt: skip
    if len(times) == 2:
        mine, other = times.values()
        print(f"ratio of times: {other / mine:.1f}")


if __name__ == "__main__":
    main()
