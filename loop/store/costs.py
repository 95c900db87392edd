"""The record of what a training run cost; loop/store/records.py counts it among the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a finished run used and what that cost, at the rates of its day. One row a run."""

    run: str
    device: str  # its name, or "cpu"
    device_seconds: float  # wall seconds × devices, all attempts
    tokens: int  # trained on, those done again after a kill included
    peak_bytes: int  # memory held at once, at most
    kwh: float | None  # electricity; None is not known
    energy_source: Literal["measured", "estimated", "none"]
    grams_co2e: float | None  # None: not known, or no country was set
    amount: float | None  # money; None: no rate was set
    currency: str
    rate: float | None  # per device-hour
