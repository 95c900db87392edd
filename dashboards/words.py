"""Figures, times and text as people read them. Nothing here knows Streamlit's widgets."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from dashboards.records import Figure

_MARKS = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$:&\"'/=^@])")


def plain(text: object) -> str:
    r"""Text for a place that reads Markdown (labels, notes), shown as it stands, in one line.

    >>> plain("**Fees** [1]")
    '\\*\\*Fees\\*\\* \\[1\\]'
    """
    return _MARKS.sub(r"\\\1", " ".join(str(text).split()))


def short(text: str, longest: int = 80) -> str:
    """The beginning of a text, in one line.

    >>> short("one two three", 8)
    'one two…'
    """
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def figure(one: Figure | None) -> str:
    """A mean with its interval; a dash where there is none.

    >>> figure(Figure(mean=0.5, low=0.25, high=0.75, n=12))
    '0.500 (0.250 to 0.750)'
    """
    return "—" if one is None else f"{one.mean:.3f} ({one.low:.3f} to {one.high:.3f})"


def difference(estimate: float | None, low: float | None, high: float | None) -> str:
    """A difference with its interval; a dash where there is none.

    >>> difference(0.1, -0.05, 0.25)
    '+0.100 (−0.050 to +0.250)'
    """
    if estimate is None or low is None or high is None:
        return "—"
    return f"{estimate:+.3f} ({low:+.3f} to {high:+.3f})".replace("-", "−")


def when(at: datetime) -> str:
    """A time, UTC, to the minute."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def lasted(seconds: float) -> str:
    """How long something took.

    >>> lasted(0.42), lasted(75), lasted(7300)
    ('0.4 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def amount(value: float | None, unit: str = "") -> str:
    """A quantity with its unit, two or three figures long; a dash where there is none.

    >>> amount(0.01234, "EUR"), amount(1234.5, "kWh"), amount(0.0, "EUR"), amount(None, "EUR")
    ('0.0123 EUR', '1,234 kWh', '0 EUR', '—')
    >>> amount(0.0000456), amount(1e-12)
    ('0.000046', 'below 0.000001')
    """
    if value is None:
        return "—"
    said = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if 0 < value < 1e-3:  # never 4.6e-05
        said = f"{value:.{1 - math.floor(math.log10(value))}f}"
    said = "below 0.000001" if 0 < value < 1e-6 else said
    return f"{said} {unit}".rstrip()


def size(count: int) -> str:
    """Bytes as people say them.

    >>> size(900), size(2_500_000)
    ('900 B', '2.5 MB')
    """
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def code(text: object) -> str:
    """An id as code in Markdown; nothing in it is read as Markdown.

    >>> code("ad-0123")
    '`ad-0123`'
    """
    return f"`{' '.join(str(text).split()).replace('`', chr(39)) or '—'}`"
