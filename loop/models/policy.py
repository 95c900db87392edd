"""The retention policy: which adapters keep their files, and how one that did not is made again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from knowledge.errors import RatchetError
from loop.models.merge import MERGE
from loop.settings import RegistrySettings
from loop.store.records import Adapter


class Shelved(NamedTuple):
    """An adapter whose files are there."""

    adapter: Adapter
    since: datetime  # when it was registered, or put back last


def check(policy: RegistrySettings) -> None:
    """Raises RatchetError if a number of the policy is below 0."""
    for name in ("keep", "days"):
        if (value := getattr(policy, name)) < 0:
            raise RatchetError(f"registry.{name} is {value}, expected 0 or more. Nothing was done.")


def plan(
    shelved: Sequence[Shelved],
    assistant: str,
    held: Mapping[str, str],
    policy: RegistrySettings,
    now: datetime,
) -> list[tuple[Adapter, str | None]]:
    """Each of the assistant's adapters with why it is kept, or None.

    Args:
        shelved: All that have their files, of every assistant, newest first.
        assistant: Whose adapters may go.
        held: Adapter → why it must stay.
        policy: What else stays.
        now: Of this moment.
    """
    young = now - timedelta(days=policy.days)
    why: dict[str, str] = {}
    mine = [one for one in shelved if one.adapter.assistant == assistant]
    for number, one in enumerate(mine):
        if number < policy.keep:
            why[one.adapter.id] = f"one of the newest {policy.keep}"
        elif one.since > young:
            why[one.adapter.id] = f"younger than {policy.days} days"
    adapters = [one.adapter for one in shelved]
    why |= {one.id: "of another assistant" for one in adapters if one.assistant != assistant}
    why |= held
    before = {one.id: [*filter(None, [one.parent]), *one.sources] for one in adapters}
    ahead = [id for id in before if id in why]
    while ahead:
        id = ahead.pop()
        for origin in before.get(id, ()):
            if origin not in why:
                why[origin] = f"{id}, which is kept, was made from it"
                ahead.append(origin)
    return [(one.adapter, why.get(one.adapter.id)) for one in mine]


def again(adapter: Adapter, run: Mapping[str, Any] | None) -> str:
    """The words that tell how a pruned adapter is made again.

    Args:
        adapter: The one.
        run: The row of its run, or None.
    """
    if run is None:
        return "train another one with `ratchet train`"
    told, words = run["settings"], ["ratchet"]
    if run["method"] == MERGE:
        weights = ",".join(f"{weight:.12g}" for weight in told["weights"])
        words += ["adapters", "merge", *adapter.sources, f"--weights={weights}"]
        words += ["--method", told["method"]]
        if "density" in told:
            words += ["--density", str(told["density"])]
        if "seed" in told:
            words += ["--seed", str(told["seed"])]
        return f"merge it again: `{shlex.join(words)}`"
    words += ["train", "--method", run["method"], "--dataset", run["dataset"]]
    words += ["--seed", str(run["seed"])]
    return f"train it again: `{shlex.join(words)}`, with [train] as it was then"
