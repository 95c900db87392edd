"""What a training run used, what that costs, and whether its budget is spent. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from knowledge.errors import RatchetError
from loop.settings import CostSettings
from loop.store.costs import Cost

EnergySource = Literal["measured", "estimated", "none"]
HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a run used so far, all its attempts together."""

    kind: str  # "cpu" or "cuda"
    device: str  # its name, "NVIDIA H100 80GB HBM3"; the processors of a machine are one device
    devices: int = 1
    seconds: float = 0.0  # wall time
    device_seconds: float = 0.0  # wall time × devices
    tokens: int = 0  # trained on, those done again after a kill included
    peak_bytes: int = 0  # the most memory of the device held at once; on a CPU, of the process
    kwh: float | None = None  # electricity; None is not known
    kwh_part: float = 0.0  # what is known of it where `kwh` is not: of some of the attempts
    energy_source: EnergySource = "none"
    grams_co2e: float | None = None  # None: not known, or no country was set
    attempts: int = 1
    note: str = ""  # what is behind the energy, or why there is none

    @property
    def kwh_at_least(self) -> float:
        """What is known of the electricity; a budget is held against that."""
        return self.kwh_part if self.kwh is None else self.kwh


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What a reading costs."""

    amount: float | None  # None: not known
    currency: str
    rate: float | None  # per device-hour; None: none is set for this device
    at_least: float = 0.0  # what of it is known; a budget is held against that
    missing: str = ""  # why the amount is not known


def add(before: Reading | None, now: Reading) -> Reading:
    """One reading of the attempts before and the present one.

    Energy and emissions are known only if they are for every attempt; measured only if all is.
    """
    if before is None:
        return now
    sources = {before.energy_source, now.energy_source}
    source: EnergySource = "estimated" if sources == {"measured", "estimated"} else "none"
    partly = before.kwh is None or now.kwh is None
    mixed = (before.kwh is None) != (now.kwh is None)
    return replace(
        now,
        seconds=before.seconds + now.seconds,
        device_seconds=before.device_seconds + now.device_seconds,
        tokens=before.tokens + now.tokens,
        peak_bytes=max(before.peak_bytes, now.peak_bytes),
        kwh=_sum(before.kwh, now.kwh),
        kwh_part=before.kwh_at_least + now.kwh_at_least if partly else 0.0,
        energy_source=now.energy_source if len(sources) == 1 else source,
        grams_co2e=_sum(before.grams_co2e, now.grams_co2e),
        attempts=before.attempts + now.attempts,
        note="The energy of one of the attempts is not known." if mixed else now.note,
    )


def rate_of(kind: str, device: str, rates: dict[str, float]) -> float | None:
    """The price of an hour of a device: by the longest key its name begins with, else by kind.

    >>> rates = {"cuda": 1.0, "NVIDIA H100": 2.8, "cpu": 0.05}
    >>> rate_of("cuda", "NVIDIA H100 80GB HBM3", rates), rate_of("cuda", "NVIDIA L4", rates)
    (2.8, 1.0)
    >>> rate_of("mps", "Apple M4", rates) is None
    True
    """
    named = [key for key in rates if device.casefold().startswith(key.casefold())]
    key = max(named, key=len, default=kind)
    return rates.get(key)


def money(reading: Reading, rates: CostSettings) -> Money:
    """What a reading costs: device-hours at their rate, and the electricity if it has a price.

    Returns:
        An amount, or why there is none: no number stands for what is not known.

    >>> used = Reading(kind="cpu", device="cpu", seconds=7200, device_seconds=7200)
    >>> money(used, CostSettings(rates={"cpu": 0.5})).amount
    1.0
    """
    rate = rate_of(reading.kind, reading.device, rates.rates)
    amount, missing = reading.kwh_at_least * rates.energy_price, ""
    if rate is not None:
        amount += reading.device_seconds / HOUR * rate
    elif not rates.energy_price:
        missing = f"cost.rates names no rate for {reading.device!r}"
    if rates.energy_price and reading.kwh is None:
        missing = "cost.energy_price is set, but the energy is not known"
    known = None if missing else amount
    return Money(amount=known, currency=rates.currency, rate=rate, at_least=amount, missing=missing)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a run may spend; asked at each step."""

    settings: CostSettings

    def spent(self, reading: Reading) -> str | None:
        """Which budget is spent, in words; None while none is.

        >>> used = Reading(kind="cpu", device="cpu", seconds=120, device_seconds=120)
        >>> Budget(CostSettings(budget_minutes=2)).spent(used)
        '2 of 2 minutes spent (cost.budget_minutes)'
        """
        known, at_least = self.settings, money(reading, self.settings).at_least
        for name, used, most, unit in (
            ("budget_minutes", reading.seconds / 60, known.budget_minutes, "minutes"),
            ("budget_money", at_least, known.budget_money, known.currency),
            ("budget_kwh", reading.kwh_at_least, known.budget_kwh, "kWh"),
        ):
            if most and used >= most:
                return f"{used:.4g} of {most:g} {unit} spent (cost.{name})"
        return None


def check(settings: CostSettings, *, kind: str, device: str, energy: bool) -> None:
    """Can the cost table be kept to on this device? Asked before a run starts.

    Args:
        settings: The table.
        kind: "cpu" or "cuda".
        device: Its name.
        energy: Can electricity be read or estimated here?

    Raises:
        RatchetError: A figure is below zero, the country no code of three letters, or a budget
            is set that nothing here can be held against.
    """
    figures = {
        "energy_price": settings.energy_price,
        "budget_minutes": settings.budget_minutes,
        "budget_money": settings.budget_money,
        "budget_kwh": settings.budget_kwh,
    } | {f"rates.{key}": rate for key, rate in settings.rates.items()}
    for name, value in figures.items():
        if not (math.isfinite(value) and value >= 0):
            raise RatchetError(f"cost.{name} is {value}, expected 0 or more. Mend ratchet.toml.")
    code = settings.country
    if code and not (len(code) == 3 and code.isascii() and code.isupper()):
        raise RatchetError(
            f"cost.country is {code!r}, expected a code of three letters like DEU (ISO 3166-1 "
            "alpha-3), or nothing. Mend ratchet.toml."
        )
    if not energy and (settings.budget_kwh or (settings.budget_money and settings.energy_price)):
        raise RatchetError(
            "cost: a budget depends on electricity, which nothing here reads. Install it "
            "(`pip install 'ratchet-loop[cost]'`), or set cost.budget_minutes instead."
        )
    rate = rate_of(kind, device, settings.rates)
    if settings.budget_money and rate is None and not settings.energy_price:
        raise RatchetError(
            f"cost.budget_money is set, but cost.rates names no rate for {device!r}. "
            f"Add {kind} = PRICE_OF_AN_HOUR below [cost.rates], or set cost.budget_minutes instead."
        )


def cost_record(run: str, reading: Reading, settings: CostSettings) -> Cost:
    """The row that is kept with a finished run; rates of today stay with it."""
    paid = money(reading, settings)
    return Cost(
        run=run,
        device=reading.device,
        device_seconds=round(reading.device_seconds, 3),
        tokens=reading.tokens,
        peak_bytes=reading.peak_bytes,
        kwh=reading.kwh,
        energy_source=reading.energy_source,
        grams_co2e=reading.grams_co2e,
        amount=paid.amount,
        currency=paid.currency,
        rate=paid.rate,
    )


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other
