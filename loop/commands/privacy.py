"""Commands about people: consent given and taken back, and the person who is forgotten."""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome, person, table
from loop.settings import load_settings

if TYPE_CHECKING:
    from loop.forget.forget import Forgotten

Groups = argparse._SubParsersAction  # what argparse gives for a group of commands
Add = Callable[..., argparse.ArgumentParser]


def privacy_commands(groups: Groups[argparse.ArgumentParser], add: Add) -> None:
    """Add `consent` and `forget` to the commands."""
    text = "what people agreed to"
    told = groups.add_parser("consent", help=text, description=text)
    consent = told.add_subparsers(required=True, metavar="COMMAND")
    back = add(consent, "withdraw", withdraw, "take a person's consent back; nothing is erased")
    back.add_argument("--forget", action="store_true", help="then forget the person, too")
    back.add_argument("--yes", action="store_true", help="with --forget: do not ask")
    given = add(consent, "grant", grant, "record that a person gave consent")
    given.add_argument("--basis", choices=["consent", "contract"], default="consent")
    shown = add(consent, "show", show, "what a person gave consent to and took back")
    for one in (back, given, shown):
        one.add_argument("--user", required=True, metavar="KEY", help="the person")
    for one in (back, given):
        one.add_argument("--purpose", default="", help="for this purpose alone (default: all)")

    gone = add(groups, "forget", forget, "erase all that is a person's, and prove it")
    gone.add_argument("--user", metavar="KEY", help="the person")
    gone.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    gone.add_argument("--yes", action="store_true", help="do not ask")
    checks = gone.add_subparsers(required=False, metavar="verify REPORT")
    check = add(checks, "verify", verify, "check the signature of a report")
    check.add_argument("report", type=Path)


def withdraw(args: Namespace) -> Outcome:
    settings = load_settings(args.project)
    if args.forget:
        _ask(args)
    with project.opened(settings) as store:
        done = store.command(
            "record_consent",
            user=args.user,
            basis="withdrawn",
            purpose=args.purpose,
            actor=person(),
        )
    text = "Recorded. What they said is left out from the next `ratchet curate` on."
    for kind in ("datasets", "adapters"):
        text += f"\n{kind.capitalize()} that hold it: {', '.join(done[kind]) or 'none'}."
    if not args.forget:
        return Outcome(done, text)
    outcome = _forget(args)
    data = {**done, "forget": outcome.data}
    return Outcome(data, f"{text}\n\n{outcome.text}", outcome.status)


def grant(args: Namespace) -> Outcome:
    with project.opened(load_settings(args.project)) as store:
        done = store.command(
            "record_consent",
            user=args.user,
            basis=args.basis,
            purpose=args.purpose,
            actor=person(),
        )
    return Outcome(done, "Recorded. What they said before a withdrawal stays left out.")


def show(args: Namespace) -> Outcome:
    settings = load_settings(args.project)
    with project.opened(settings) as store:
        events = store.query("consent_events", user=args.user)
        given = store.query("consent_given", user=args.user)
        until = {
            row["user"]: row["until"]
            for row in store.query("withdrawals", assistant=settings.assistant.name)
        }.get(args.user)
    lines = [(f"{e['at']:%Y-%m-%d %H:%M}", e["basis"], e["purpose"] or "all") for e in events]
    text = table(lines, ["at", "basis", "purpose"]) if lines else "Nothing was recorded by itself."
    if given:
        names = ("consent", "purpose", "licence", "interactions")
        text += "\n\n" + table([[row[name] for name in names] for row in given], names)
    if until is not None:
        held = "until consent is given again" if until.year == 9999 else f"up to {until:%Y-%m-%d}"
        text += f"\n\nWithdrawn: what they said is left out {held}."
    return Outcome({"events": events, "interactions": given, "withdrawn_until": until}, text)


def forget(args: Namespace) -> Outcome:
    if not args.user:
        raise RatchetError("Name the person with --user KEY, or a report with `verify REPORT`.")
    if args.dry_run:
        return _preview(args)
    _ask(args)
    return _forget(args)


def verify(args: Namespace) -> Outcome:
    from loop.forget.report import in_words, verify_report

    report, problem = verify_report(load_settings(args.project), args.report)
    data = {"report": report["id"], "signed": problem is None, "problem": problem}
    text = (
        f"{args.report}: {problem}." if problem else f"The signature holds.\n\n{in_words(report)}"
    )
    return Outcome(data, text, 1 if problem else 0)


def _ask(args: Namespace) -> None:
    """Raises RatchetError unless a person, or --yes, says yes."""
    if args.yes:
        return
    if not sys.stdin.isatty():
        raise RatchetError("This cannot be undone. Look with --dry-run, then say --yes.")
    question = f"Erase all that is of {args.user}? This cannot be undone. [y/N] "
    if input(question).strip().casefold() not in ("y", "yes"):
        raise RatchetError("Nothing was erased.")


def _preview(args: Namespace) -> Outcome:
    from loop.forget.forget import preview

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        found = preview(store, settings, args.user)
    return Outcome(_data(found) | {"dry_run": True}, "Nothing was changed.\n" + _told(found))


def _forget(args: Namespace) -> Outcome:
    from loop.forget.forget import forget as run

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        done = run(store, settings, args.user, actor=person())
    if done.report is None:
        text = "Nothing of this person is here."
        if done.before:
            text += f" They were forgotten before: reports/{done.before}.json."
        return Outcome(_data(done), text)
    text = done.report.with_suffix(".txt").read_text(encoding="utf-8")
    return Outcome(_data(done), f"{text}Signed report: {done.report}", 0 if done.clean else 1)


def _data(done: Forgotten) -> dict[str, Any]:
    return asdict(done) | {"report": str(done.report) if done.report else None}


def _told(found: Forgotten) -> str:
    rows = [(name, n, "erased") for name, n in found.found["rows"].items()]
    rows += [(name, n, "kept under a random name") for name, n in found.found["judged"].items()]
    rows += [(name, n, "erased") for name, n in found.found["datasets"].items()]
    rows += [(name, via, "marked") for name, via in found.found["adapters"].items()]
    rows += [(path, kind, "erased") for kind, paths in found.erased.items() for path in paths]
    rows += [(one["adapter"], "", one["do"]) for one in found.due]
    return table(rows, ["what", "rows", "would be"]) if rows else "Nothing of this person is here."
