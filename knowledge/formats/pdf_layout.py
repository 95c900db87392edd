"""What stands on a page → its lines and tables, in the order in which it was written.

Order of writing keeps columns apart, which order of place does not: whoever made the page wrote
one column after the other.
"""

from __future__ import annotations

from knowledge.formats.pdf_page import Line, Page, Run, Table
from knowledge.formats.pdf_tables import aligned_tables, find_grids


def lay_out(page: Page) -> list[Line | Table]:
    """The lines and tables of a page; what is written across it comes last."""
    grids = find_grids(page.rules)
    inside: dict[int, list[Run]] = {}
    pieces: list[Line | int] = []  # a line, or the grid that stands there
    aside: list[Line | Table] = []
    for run in page.runs:
        if not run.upright:
            aside.append(Line([run]))
            continue
        grid = next((n for n, grid in enumerate(grids) if run.box.within(grid.box)), None)
        if grid is not None:
            if grid not in inside:
                pieces.append(grid)
            inside.setdefault(grid, []).append(run)
        elif pieces and isinstance(last := pieces[-1], Line) and last.takes(run):
            last.runs.append(run)
        else:
            pieces.append(Line([run]))
    laid = [
        piece if isinstance(piece, Line) else grids[piece].filled(inside[piece]) for piece in pieces
    ]
    return [*aligned_tables(laid), *aside]
