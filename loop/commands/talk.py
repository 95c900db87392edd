"""Commands that make a project, serve it, ask it, and bring in what others recorded."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from typing import Any

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome
from loop.settings import load_settings


def demo(args: Namespace) -> Outcome:
    from loop.demo.command import play

    return play(args)


def init(args: Namespace) -> Outcome:
    args.folder.mkdir(parents=True, exist_ok=True)
    file = project.init(args.folder)
    steps = "Next: `ratchet knowledge add PATH`, then `ratchet up`."
    return Outcome({"project": str(file)}, f"Made {file}. {steps}")


def up(args: Namespace) -> Outcome:
    from loop.serve.app import serve

    settings = load_settings(args.project)
    asked = {
        key: value for key, value in (("host", args.host), ("port", args.port)) if value is not None
    }
    serve(replace(settings, serve=replace(settings.serve, **asked)))
    return Outcome()


def ask(args: Namespace) -> Outcome:
    from loop.answer.records import Ask

    settings = load_settings(args.project)
    name, _, adapter = (args.assistant or settings.assistant.name).partition("@")
    if name != settings.assistant.name:
        raise RatchetError(
            f"No assistant {name!r} here; this project's is {settings.assistant.name!r}."
        )
    with project.opened(settings) as store:
        desk = project.open_desk(settings, store)
        [answer] = desk.answer(
            [
                Ask(
                    question=args.question,
                    user=args.user,
                    labels=frozenset(args.label),
                    adapter=adapter or None,
                )
            ]
        )
    cited = [
        {
            "document": c.document,
            "version": c.version,
            "start": c.start,
            "end": c.end,
            "text": c.text,
        }
        for c in answer.citations
    ]
    data = {
        "answer": answer.text,
        "citations": cited,
        "confidence": answer.confidence,
        "abstained": answer.abstained,
        "interaction": answer.interaction.id,
        "adapter": answer.interaction.adapter,
    }
    sources = [
        f"  [{c.number}] {c.document}, characters {c.start} to {c.end}" for c in answer.citations
    ]
    return Outcome(data, "\n".join([answer.text, *sources]))


def log(args: Namespace) -> Outcome:
    from loop.feedback.log import log_file

    return _imported(args, log_file)


def rate(args: Namespace) -> Outcome:
    from loop.feedback.rate import rate_file

    return _imported(args, rate_file)


def _imported(args: Namespace, read: Any) -> Outcome:
    settings, given = load_settings(args.project), vars(args)
    with project.opened(settings) as store:
        done = read(
            store,
            args.file,
            skip_bad=args.skip_bad,
            assistant=settings.assistant.name,
            usual={key: given[key] for key in ("consent", "purpose", "licence") if given[key]},
        )
    text = f"Imported {done.count} lines."
    if done.bad:
        text += f" {done.bad} bad lines went to {done.bad_file}."
    return Outcome(
        {
            "imported": done.count,
            "bad": done.bad,
            "bad_file": str(done.bad_file) if done.bad_file else None,
        },
        text,
    )
