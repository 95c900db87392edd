"""Which arm a person is in: hashed, so it sticks and needs no table."""

from __future__ import annotations

import hashlib

from loop.store.records import Experiment

BUCKETS = 10_000  # people are hashed into these; shares are cut at a hundredth of a percent


def assign(experiment: Experiment, user: str) -> str:
    """The arm of a person, the same whenever it is asked.

    Another salt deals people anew, so that arms of two tests do not coincide.

    Args:
        experiment: Its arms' shares may be of any positive scale.
        user: Pseudonymous key of the person.

    Raises:
        ValueError: The test has no arm.

    Source: Kohavi, Tang and Xu 2020, Trustworthy Online Controlled Experiments, chapter 14.
    """
    if not experiment.arms:
        raise ValueError(f"experiment {experiment.id} has no arm")
    point = bucket(experiment.salt, user)
    total = sum(float(arm["share"]) for arm in experiment.arms)
    below = 0.0
    for arm in experiment.arms:
        below += float(arm["share"])
        if point < round(below / total * BUCKETS):
            return str(arm["name"])
    return str(experiment.arms[-1]["name"])


def bucket(salt: str, user: str) -> int:
    """The person's bucket under this salt, 0 to 9999.

    >>> bucket("one", "ada") == bucket("one", "ada"), bucket("one", "ada") == bucket("two", "ada")
    (True, False)
    """
    content = salt.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(len(content).to_bytes(8) + content)
    digest.update(user.encode("utf-8", "surrogatepass"))
    return int.from_bytes(digest.digest()[:8]) % BUCKETS
