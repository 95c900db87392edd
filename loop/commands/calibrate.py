"""`ratchet knowledge calibrate`: when to answer, learnt from questions of which it is known."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome, interval, table
from loop.settings import Settings, load_settings

if TYPE_CHECKING:
    from knowledge.abstain import Calibration

CAVEAT = (
    "The rates are out of fold: each question was judged by a fit, and with a threshold, that had "
    "seen no question about its document. On the same questions with the fit of all of them they "
    "would look better than they are, and so will these suites when they are run next."
)


def calibrate(args: Namespace) -> Outcome:
    """Fit, report, and with --apply let the desk go by it."""
    from knowledge.abstain import write_calibration
    from loop.evaluate.abstention import calibrate_abstention

    if args.cost is not None and not args.cost > 0:
        raise RatchetError(f"--cost is {args.cost:g}, expected more than 0, such as 2.")
    if args.false_answers is not None and not 0 <= args.false_answers <= 1:
        raise RatchetError(
            f"--false-answers is {args.false_answers:g}, expected a share from 0 to 1, such as 0.1."
        )
    settings = load_settings(args.project)
    collection = project.open_collection(settings, needed=True)
    made = calibrate_abstention(
        collection,
        settings,
        project.suites_of(settings, args.suite or ()),
        cost=1.0 if args.cost is None else args.cost,
        most_false_answers=args.false_answers,
    )
    found = made.calibration
    data = _data(found) | {"left_out": made.left_out, "applied": args.apply}
    files = _report(settings, found, data)
    text = [_told(found, made.left_out), f"Written: {', '.join(files)}."]
    if args.apply:
        file = write_calibration(collection.folder, found)
        text.append(
            f"Applied: the desk goes by {file} from its next start on. Delete the file to go back "
            "to assistant.abstain_below."
        )
    else:
        text.append("Not applied; --apply makes the desk go by it.")
    return Outcome(data, "\n\n".join(text))


def _data(found: Calibration) -> dict[str, Any]:
    from eval_suites.stats.intervals import wilson

    def rate(share: float, n: int) -> dict[str, float]:
        low, high = wilson(share * n, n)
        return {"mean": share, "low": low, "high": high}

    return {
        "threshold": found.threshold,
        "false_answer": found.false_answer,
        "false_abstain": found.false_abstain,
        "n": found.n,
        "answerable": found.answerable,
        "unanswerable": found.unanswerable,
        "intervals": {
            "false_answer": rate(found.false_answer, found.unanswerable),
            "false_abstain": rate(found.false_abstain, found.answerable),
            "present_false_answer": rate(found.present.false_answer, found.unanswerable),
            "present_false_abstain": rate(found.present.false_abstain, found.answerable),
        },
        "present": found.present._asdict(),
        "embedder": found.embedder,
        "suites": found.suites,
        "curve": [point._asdict() for point in found.curve],
    }


def _told(found: Calibration, left_out: int) -> str:
    from loop.evaluate.curve import as_text

    rates = _data(found)["intervals"]

    def shown(name: str) -> str:
        return interval(**rates[name])

    rows = [
        (
            f"today: cosine below {found.present.threshold:g}",
            shown("present_false_answer"),
            shown("present_false_abstain"),
        ),
        (
            f"calibrated: chance below {found.threshold:g}",
            shown("false_answer"),
            shown("false_abstain"),
        ),
    ]
    asked = f"{found.answerable} answerable and {found.unanswerable} unanswerable questions"
    skipped = f"; {left_out} whose documents are not there left out" if left_out else ""
    return "\n\n".join(
        [
            f"{asked}{skipped}.",
            as_text(found),
            table(rows, ["does not answer", "false answers [95 %]", "false abstentions [95 %]"]),
            CAVEAT,
        ]
    )


def _report(settings: Settings, found: Calibration, data: dict[str, Any]) -> list[str]:
    from loop.evaluate.curve import as_svg

    settings.reports.mkdir(parents=True, exist_ok=True)
    json_file, svg_file = settings.reports / "abstention.json", settings.reports / "abstention.svg"
    json_file.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    svg_file.write_text(as_svg(found), encoding="utf-8")
    return [str(json_file), str(svg_file)]
