"""Rows about consent and about who was forgotten; loop/store/records.py counts them in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

MarkReason = Literal["forgotten", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent:
    """A person gave consent, or took it back, beside any interaction. The newest row holds."""

    id: str
    at: datetime
    user: str
    basis: Literal["consent", "contract", "withdrawn"]
    purpose: str  # what it is about; "" is everything
    actor: str  # who recorded it


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterMark:
    """An adapter learnt from somebody who was forgotten, or who withdrew, or builds on such."""

    id: str
    at: datetime
    adapter: str
    reason: MarkReason
    forget: str  # id of the forgetting or of the withdrawal
    via: str  # dataset it was trained on, or the adapter it builds on


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetTombstone:
    """A dataset version whose files were erased because a forgotten person's rows were in it."""

    id: str
    at: datetime
    dataset: str
    forget: str
    rows: int  # rows of the person, now gone from its lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenPerson:
    """That somebody was forgotten, without saying who: a keyed hash stands for the person."""

    id: str  # of the forgetting
    at: datetime
    subject: str
    counts: dict[str, Any]  # rows erased by table


PrivacyRecord = ConsentEvent | AdapterMark | DatasetTombstone | ForgottenPerson
