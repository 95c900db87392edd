"""Rows about adapters; loop/store/records.py counts them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What training made, in the registry: mostly a LoRA adapter, hence the name.

    A merged one has sources, and no dataset of its own. A reward model, and a whole model that full
    tuning made, are kept here too, so that forgetting finds them; they cannot be promoted.
    """

    id: str  # "ad-" + first 12 hex digits of the weights' SHA-256
    at: datetime
    assistant: str
    run: str
    dataset: str
    base: str
    parent: str | None  # the adapter it started from; None is the bare base
    path: str
    sha256: str  # of adapter_model.safetensors
    domain: str = ""  # what it is for; empty labels mean any
    language: str = ""
    segment: str = ""  # of customers
    sources: list[str] = field(default_factory=list)  # adapters it was merged from or rewarded by
    config_sha256: str = ""  # of what in its configuration decides its answers; none in old rows
    kind: str = "adapter"  # or reward, or model
