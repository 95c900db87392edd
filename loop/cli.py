"""The command line: parse, call one function, print. Exit 0 done, 1 a check failed, 2 bad input."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from knowledge.errors import RatchetError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the console script's entry point."""
    args = parser().parse_args(argv)
    # Nothing here may phone home; a base by hub name is fetched by name, with no telemetry.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        outcome = args.run(args)
        machine = args.json and not outcome.lines
        text = json.dumps(outcome.data, indent=2, default=str) if machine else outcome.text
        if text:
            print(text)
    except RatchetError as problem:  # theirs to mend: no traceback
        print(f"ratchet: {' '.join(str(problem).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ratchet: stopped. Run the same command again to go on.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `ratchet … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(outcome.status)


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments; docs/commands.md is made from this."""
    from loop.commands import judge, learn, talk
    from loop.commands.adapters import adapter_commands
    from loop.commands.balance import balance_commands
    from loop.commands.datasets import dataset_commands
    from loop.commands.experiments import experiment_commands
    from loop.commands.judging import judging_commands
    from loop.commands.knowing import knowledge_commands
    from loop.commands.pii import pii_commands
    from loop.commands.privacy import privacy_commands
    from loop.commands.raters import raters_command
    from loop.commands.review import review_commands
    from loop.commands.runs import run_commands
    from loop.commands.searching import search_command
    from loop.commands.suites import suite_commands
    from loop.commands.synthesize import synthesize_command
    from loop.commands.training import train_command

    top = argparse.ArgumentParser(
        prog="ratchet", description="An evaluation-and-feedback loop for domain assistants."
    )
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--json", action="store_true", help="print one JSON object for machines")
    every.add_argument(
        "--project",
        type=Path,
        default=Path("."),
        metavar="DIR",
        help="folder of ratchet.toml (default: here)",
    )
    groups = top.add_subparsers(required=True, metavar="COMMAND")

    def add(
        where: argparse._SubParsersAction[argparse.ArgumentParser],
        name: str,
        run: object,
        text: str,
    ) -> argparse.ArgumentParser:
        command = where.add_parser(name, help=text, description=text, parents=[every])
        command.set_defaults(run=run)
        return command

    def group(name: str, text: str) -> argparse._SubParsersAction[argparse.ArgumentParser]:
        return groups.add_parser(name, help=text, description=text).add_subparsers(
            required=True, metavar="COMMAND"
        )

    demo = add(
        groups, "demo", talk.demo, "the whole loop on the bundled handbook, then the dashboard"
    )
    demo.add_argument("--no-serve", action="store_true", help="stop before the dashboard")
    demo.add_argument("--seed", type=int, default=7, help="same seed, same dataset and adapter")
    demo.add_argument(
        "--folder",
        type=Path,
        default=Path(".ratchet/demo"),
        help="where the demo's project is made anew",
    )
    demo.add_argument("--port", type=int, help="port of the dashboard")

    init = add(groups, "init", talk.init, "make a project: ratchet.toml and folders")
    init.add_argument("folder", type=Path, nargs="?", default=Path("."))

    up = add(groups, "up", talk.up, "serve the API and the dashboard")
    up.add_argument("--port", type=int, help="instead of serve.port")
    up.add_argument("--host", help="instead of serve.host; a public one needs an API key")

    ask = add(groups, "ask", talk.ask, "ask the assistant one question")
    ask.add_argument("question")
    ask.add_argument("--assistant", help="instead of the project's; NAME@ADAPTER asks one adapter")
    ask.add_argument(
        "--label", action="append", default=[], help="an access label of the person who asks"
    )
    ask.add_argument("--user", default="cli", help="key of the person who asks")

    for name, run, text in (
        ("log", talk.log, "import interactions"),
        ("rate", talk.rate, "import ratings and comparisons"),
    ):
        one = add(groups, name, run, f"{text} from a JSONL file")
        one.add_argument("file", type=Path)
        one.add_argument(
            "--skip-bad",
            action="store_true",
            help="write bad lines to a file of their own and import the rest",
        )
        one.add_argument(
            "--consent",
            choices=["consent", "contract", "none", "withdrawn"],
            help="basis of questions and answers in lines that name none",
        )
        one.add_argument("--purpose", help="what the person agreed to, where a line does not say")
        one.add_argument("--licence", help="their licence, where a line names none")

    knowledge_commands(group("knowledge", "the documents the assistant answers from"), add)

    review_commands(groups, group, add)
    pii_commands(group("pii", "personal data"), add)

    raters_command(groups, add)
    synthesize_command(groups, add)
    add(groups, "curate", learn.curate, "make a dataset version of what people said")
    versions = group("datasets", "dataset versions")
    dataset_commands(versions, add)
    balance_commands(versions, add)

    train_command(groups, add)
    search_command(groups, add)

    run_commands(group("runs", "training runs: what they cost and what they brought"), add)
    adapter_commands(group("adapters", "trained adapters"), add)

    judging_commands(group("judge", "a model that grades replies"), add)
    suite_commands(group("suites", "what adapters are measured by"), add)
    evaluate = add(groups, "eval", judge.evaluate, "run the suites against an adapter")
    evaluate.add_argument("--adapter", default="base", help='adapter id, or "base"')
    evaluate.add_argument(
        "--suite", action="append", help="one suite, by name or folder, or harness:TASK; repeatable"
    )
    evaluate.add_argument("--against", help="compare with this adapter, case by case")

    gate = add(groups, "gate", judge.gate, "every rule, its evidence, its verdict")
    gate.add_argument("candidate")
    gate.add_argument(
        "--against", metavar="ADAPTER", help="instead of the champion; a dry run, not on record"
    )
    gate.add_argument("--dry-run", action="store_true", help="put no verdict on record")
    approve = add(groups, "approve", judge.approve, "approve what the gate passed")
    approve.add_argument("candidate")
    approve.add_argument("--reason", required=True, help="why, in words; it is recorded")
    approve.add_argument("--withdraw", action="store_true", help="take your approval back")
    waive = add(groups, "waive", judge.waive, "take a rule that failed as passed; recorded")
    waive.add_argument("candidate")
    waive.add_argument("rule", help='as `ratchet gate` writes it, like "keep safety:refused"')
    waive.add_argument("--reason", required=True, help="why, in words; it is recorded")

    experiment_commands(group("experiment", "A/B tests"), add)

    promote = add(groups, "promote", judge.promote, "make an adapter the champion")
    promote.add_argument("adapter")
    promote.add_argument("--reason", default="promoted by hand")
    promote.add_argument(
        "--override", action="store_true", help="although the gate has not passed it; recorded"
    )
    rollback = add(groups, "rollback", judge.rollback, "back to the champion before")
    rollback.add_argument("--reason", default="rolled back by hand")

    watch = add(groups, "watch", judge.watch, "guard what was promoted; harm is rolled back")
    watch.add_argument("--dry-run", action="store_true", help="only tell what would be done")

    add(groups, "nightly", judge.nightly, "curate, train, evaluate, decide, apply; resumable")
    privacy_commands(groups, add)
    audit = group("audit", "the audit trail")
    add(audit, "verify", judge.audit_verify, "check that no link of the chain was changed")
    add(groups, "doctor", judge.doctor, "what this machine and project have, and what is missing")
    return top


if __name__ == "__main__":
    sys.exit(main())
