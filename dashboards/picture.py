"""The loop drawn as SVG, with the live figures in its nodes."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from dashboards.agenda import count
from dashboards.records import Home

WIDTH, HEIGHT, GAP, TOP = 158, 112, 24, 10
ACCENT = "#0f766e"
INK = "currentColor"
FONT = "font-family='system-ui, -apple-system, Segoe UI, Roboto, sans-serif'"


class Node(NamedTuple):
    """A step of the loop: its name, its figure, and two lines about it."""

    step: str
    figure: str
    first: str
    second: str
    reached: bool  # False draws it faint: nothing has come this far


def nodes(home: Home) -> list[Node]:
    """The six steps with what each has come to."""
    score = home.score
    return [
        Node("Answer", f"{home.interactions:,}", "answers given", "", home.interactions > 0),
        Node(
            "Feedback",
            f"{home.ratings:,}",
            "ratings",
            count(home.comparisons, "comparison"),
            home.ratings + home.comparisons > 0,
        ),
        Node(
            "Curate",
            "—" if home.dataset_rows is None else f"{home.dataset_rows:,}",
            "no dataset yet" if home.dataset is None else "rows in the newest",
            home.dataset or "",
            home.dataset is not None,
        ),
        Node(
            "Train",
            home.method or "—",
            "no adapter yet" if home.adapter is None else "made the newest",
            home.adapter or "",
            home.adapter is not None,
        ),
        Node(
            "Evaluate",
            "—" if score is None else f"{score.mean:.1%}",
            home.gate_metric.partition(":")[2]
            if score is None
            else _interval(score.low, score.high),
            "not measured yet" if score is None else home.evaluated or "",
            score is not None,
        ),
        Node(
            "Decide",
            {"pass": "passed", "fail": "refused"}.get(home.verdict or "", "—"),
            home.decided or "no verdict yet",
            f"champion: {home.champion}",
            home.decided is not None,
        ),
    ]


def draw(home: Home, *, dark: bool = False) -> str:
    """The loop as an SVG picture. Everything written in it is escaped.

    Args:
        home: The figures.
        dark: Whether the page behind it is.
    """
    steps = nodes(home)
    wide = len(steps) * WIDTH + (len(steps) - 1) * GAP + 2 * TOP
    tall = TOP + HEIGHT + 58
    parts = [_node(node, TOP + at * (WIDTH + GAP)) for at, node in enumerate(steps)]
    parts += [_arrow(TOP + at * (WIDTH + GAP) - GAP) for at in range(1, len(steps))]
    parts.append(_return(wide, home.champion))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{wide}' height='{tall}' "
        f"viewBox='0 0 {wide} {tall}' color='{'#e5e7eb' if dark else '#1f2937'}' {FONT}>"
        f"{''.join(parts)}</svg>"
    )


def tell(home: Home) -> str:
    """The same in words, for whoever cannot see it."""
    return "; ".join(
        " ".join(part for part in (f"{node.step}:", node.figure, node.first, node.second) if part)
        for node in nodes(home)
    )


def _node(node: Node, x: int) -> str:
    tint, line = (0.09, 0.55) if node.reached else (0.0, 0.25)
    dash = "" if node.reached else " stroke-dasharray='4 4'"
    middle = x + WIDTH // 2
    lines = [
        _text(middle, TOP + 24, node.step, 13, ACCENT, weight=600),
        _text(middle, TOP + 56, node.figure, 24, INK, weight=650),
        _text(middle, TOP + 79, _short(node.first), 12, INK, opacity=0.7),
        _text(middle, TOP + 97, _short(node.second), 11, INK, opacity=0.7),
    ]
    return (
        f"<rect x='{x}' y='{TOP}' width='{WIDTH}' height='{HEIGHT}' rx='12' fill='{ACCENT}' "
        f"fill-opacity='{tint}' stroke='{ACCENT}' stroke-opacity='{line}'{dash}/>" + "".join(lines)
    )


def _text(
    x: int, y: int, text: str, size: int, fill: str, *, weight: int = 400, opacity: float = 1.0
) -> str:
    return (
        f"<text x='{x}' y='{y}' text-anchor='middle' font-size='{size}' font-weight='{weight}' "
        f"fill='{fill}' fill-opacity='{opacity}'>{escape(text)}</text>"
    )


def _arrow(x: int) -> str:
    y, tip = TOP + HEIGHT // 2, x + GAP - 4
    return _path(f"M{x + 4} {y}H{tip}") + _head(tip, y, 0)


def _return(wide: int, champion: str) -> str:
    """From the last step back under the others to the first: what was decided answers next."""
    last, first = wide - TOP - WIDTH // 2, TOP + WIDTH // 2
    bottom, low = TOP + HEIGHT, TOP + HEIGHT + 30
    line = f"M{last} {bottom + 4}V{low - 10}Q{last} {low} {last - 10} {low}H{first + 10}"
    line += f"Q{first} {low} {first} {low - 10}V{bottom + 6}"
    says = f"{champion} answers the next question"
    label = _text(wide // 2, low + 18, says, 12, INK, opacity=0.75)
    return _path(line) + _head(first, bottom + 4, -90) + label


def _path(line: str) -> str:
    return (
        f"<path d='{line}' fill='none' stroke='{ACCENT}' stroke-opacity='0.6' stroke-width='1.6'/>"
    )


def _head(x: int, y: int, turn: int) -> str:
    return (
        f"<path d='M0 0L-7 -4V4Z' transform='translate({x + (0 if turn else 2)} {y}) "
        f"rotate({turn})' fill='{ACCENT}' fill-opacity='0.8'/>"
    )


def _interval(low: float, high: float) -> str:
    return f"{low:.1%} to {high:.1%}"


def _short(text: str, longest: int = 25) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
