"""Two errors against a threshold, drawn for a terminal and for a report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from knowledge.abstain import Calibration, Point

ROWS, COLUMNS = 11, 51  # of the picture in letters
WIDE, TALL = 640, 400  # of the SVG, in pixels
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 56, 56  # its margins
ANSWER, ABSTAIN, CHOSEN = "#c2410c", "#1d4ed8", "#525252"


def as_text(calibration: Calibration) -> str:
    """Both curves in letters: a for false answers, x for false abstentions, * for both."""
    rows = [[" "] * COLUMNS for _ in range(ROWS)]
    mark = round(calibration.threshold * (COLUMNS - 1))
    for row in rows:
        row[mark] = "|"
    for column in range(COLUMNS):
        point = calibration.curve[round(column / (COLUMNS - 1) * (len(calibration.curve) - 1))]
        heights = [round(share * (ROWS - 1)) for share in (point.false_answer, point.false_abstain)]
        for height, letter in zip(heights, "ax", strict=True):
            place = rows[ROWS - 1 - height]
            place[column] = "*" if heights[0] == heights[1] else letter
    lines = [f"{1 - n / (ROWS - 1):4.0%} ┤{''.join(row).rstrip()}" for n, row in enumerate(rows)]
    return "\n".join(
        [
            "a false answers, x false abstentions, * both, | the threshold chosen",
            *lines,
            f"     └{'─' * COLUMNS}",
            f"      0{'threshold'.center(COLUMNS - 2)}1",
        ]
    )


def as_svg(calibration: Calibration) -> str:
    """Both curves with the chosen threshold, as one SVG file."""
    chosen = calibration.threshold
    at_chosen = min(calibration.curve, key=lambda point: abs(point.threshold - chosen))
    title = f"Which questions to answer: {calibration.answerable} answerable, "
    title += f"{calibration.unanswerable} not, out of fold"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {TALL}" width="{WIDE}" '
        f'height="{TALL}" role="img" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDE}" height="{TALL}" fill="#ffffff"/>',
        _text(LEFT, 24, escape(title), size=14),
        *_axes(),
        _line([(chosen, 0.0), (chosen, 1.0)], CHOSEN, dashed=True),
        _path(calibration.curve, "false_answer", ANSWER),
        _path(calibration.curve, "false_abstain", ABSTAIN),
        _dot(chosen, at_chosen.false_answer, ANSWER),
        _dot(chosen, at_chosen.false_abstain, ABSTAIN),
        _text(LEFT, 44, f"false answers {at_chosen.false_answer:.0%}", fill=ANSWER),
        _text(LEFT + 150, 44, f"false abstentions {at_chosen.false_abstain:.0%}", fill=ABSTAIN),
        _text(LEFT + 330, 44, f"at the threshold chosen, {chosen:.2f}", fill=CHOSEN),
        _text((LEFT + WIDE - RIGHT) / 2, TALL - 14, "threshold of the chance", anchor="middle"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _place(x: float, y: float) -> tuple[float, float]:
    across, up = WIDE - LEFT - RIGHT, TALL - TOP - BOTTOM
    return round(LEFT + x * across, 1), round(TOP + (1 - y) * up, 1)


def _axes() -> list[str]:
    parts = []
    for n in range(6):
        share = n / 5
        (left, y), (right, _) = _place(0, share), _place(1, share)
        parts.append(f'<path d="M{left},{y}H{right}" stroke="#e5e5e5"/>')
        parts.append(_text(left - 8, y + 4, f"{share:.0%}", anchor="end"))
        x, below = _place(share, 0)
        parts.append(_text(x, below + 18, f"{share:.1f}", anchor="middle"))
    return parts


def _path(curve: Sequence[Point], error: str, colour: str) -> str:
    return _line([(point.threshold, getattr(point, error)) for point in curve], colour)


def _line(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    drawn = " ".join(f"{x},{y}" for x, y in (_place(*point) for point in points))
    dashes = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'


def _dot(x: float, y: float, colour: str) -> str:
    across, down = _place(x, y)
    return f'<circle cx="{across}" cy="{down}" r="4" fill="{colour}"/>'


def _text(
    x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", fill: str = "#262626"
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">'
        f"{text}</text>"
    )
