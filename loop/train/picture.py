"""A search as a picture: every trial in order, and the best so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from loop.train.trials import Trial

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 320, 64, 16, 40, 44
_TICKS = 4
Place = Callable[[float], float]


def picture(trials: Sequence[Trial], *, figure: str, more: bool) -> str:
    """An SVG: a dot a trial, hollow where it was stopped early, and the best so far as a line.

    Args:
        trials: At least one with a figure; of a stopped one its last figure is shown, of a failed
            one a cross at the edge.
        figure: What is shown, in words.
        more: Is more of it better.
    """
    shown = [(one, value) for one in trials if (value := _value(one)) is not None]
    values = [value for _, value in shown]
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    low, high = low - room, high + room
    last = max(1, *(one.number for one in trials))

    def x(number: float) -> float:
        return _LEFT + 12 + (_WIDTH - _LEFT - _RIGHT - 24) * number / last

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)

    parts = [_axes(figure, more, low, high, last, x, y)]
    if line := _best_so_far(trials, more, x, y):
        parts.append(f'<path d="{line}" fill="none" stroke="#c2410c" stroke-width="1.5"/>')
    for one, value in shown:
        fill = "#1d4ed8" if one.ended == "finished" else "#ffffff"
        told = escape(f"{_name(one)}: {value:.4g}, {one.ended}")
        parts.append(
            f'<circle cx="{x(one.number):.1f}" cy="{y(value):.1f}" r="4.5" fill="{fill}" '
            f'stroke="#1d4ed8" stroke-width="1.5"><title>{told}</title></circle>'
        )
    for one in trials:
        if _value(one) is None:
            told = escape(f"{_name(one)}: {one.ended}")
            parts.append(
                f'<text x="{x(one.number):.1f}" y="{_TOP + 10}" text-anchor="middle" '
                f'fill="#b91c1c">×<title>{told}</title></text>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="12" '
        'role="img" aria-label="Trials of a search in order, and the best so far">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _axes(figure: str, more: bool, low: float, high: float, last: int, x: Place, y: Place) -> str:
    parts = [
        f'<text x="{_LEFT}" y="20" fill="#111827">{escape(figure)} '
        f"({'more' if more else 'less'} is better): full dots finished, hollow ones stopped early, "
        "line best so far</text>"
    ]
    for n in range(_TICKS + 1):
        value = low + (high - low) * n / _TICKS
        parts.append(
            f'<path d="M{_LEFT} {y(value):.1f}H{_WIDTH - _RIGHT}" stroke="#e5e7eb"/>'
            f'<text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#374151">'
            f"{value:.4g}</text>"
        )
    step = max(1, round(last / 10))
    for number in range(0, last + 1, step):
        parts.append(
            f'<text x="{x(number):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle" '
            f'fill="#374151">{number}</text>'
        )
    parts.append(
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle" '
        'fill="#374151">trial (0: the default settings)</text>'
    )
    return "\n".join(parts)


def _best_so_far(trials: Sequence[Trial], more: bool, x: Place, y: Place) -> str:
    """A line that steps to each new best."""
    best: float | None = None
    line = ""
    for one in trials:
        if one.ended == "finished" and one.figure is not None:
            if best is None:
                best = one.figure
                line = f"M{x(one.number):.1f} {y(best):.1f}"
            best = max(best, one.figure) if more else min(best, one.figure)
        if best is not None:
            line += f"H{x(one.number):.1f}V{y(best):.1f}"
    return line


def _value(trial: Trial) -> float | None:
    if trial.figure is not None:
        return trial.figure
    return trial.curve[-1][1] if trial.curve else None


def _name(trial: Trial) -> str:
    return f"trial {trial.number}" if trial.number else "default settings"
