"""Commands that act on adapters: merge, export, prune; and the card that tells of one."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from datetime import UTC, datetime

from loop import project
from loop.display import Outcome, person, table
from loop.settings import load_settings

_UNITS = ("B", "KB", "MB", "GB", "TB")


def card(args: Namespace) -> Outcome:
    from loop.models.card import markdown
    from loop.models.card_facts import model_card

    with project.opened(load_settings(args.project)) as store:
        text = markdown(model_card(store, args.adapter))
    return Outcome({"adapter": args.adapter, "card": text}, text.rstrip("\n"))


def merge(args: Namespace) -> Outcome:
    from loop.models.merge import merge as run
    from loop.models.merge import recipe

    settings = load_settings(args.project)
    what = recipe(
        args.adapters,
        args.weights,
        method=args.method,
        density=args.density,
        seed=settings.seed if args.seed is None else args.seed,
    )
    with project.opened(settings) as store:
        done = run(
            store,
            settings,
            what,
            at=datetime.now(UTC),
            domain=args.domain or "",
            language=args.language or "",
            segment=args.segment or "",
        )
    data = {
        "adapter": done.adapter.id,
        "run": done.run.id,
        "sources": list(what.sources),
        "weights": list(what.weights),
        "method": what.method,
        "seconds": done.run.seconds,
        "metrics": done.run.metrics,
    }
    parts = ", ".join(f"{w:g} × {id}" for id, w in zip(what.sources, what.weights, strict=True))
    text = f"{done.adapter.id} by {what.method} of {parts}\n"
    text += table(sorted(done.run.metrics.items()), ["metric", "value"])
    return Outcome(data, f"{text}\nJudge it with `ratchet gate {done.adapter.id}`.")


def export(args: Namespace) -> Outcome:
    from loop.models.export import export as run

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        done = run(
            store,
            settings,
            args.adapter,
            args.to,
            format=args.format,
            actor=person(),
            converter=args.converter,
            marked=args.marked,
        )
    data = {
        "adapter": done.adapter,
        "format": done.format,
        "folder": str(done.folder),
        "files": done.files,
    }
    rows = [(name, sha256[:16]) for name, sha256 in sorted(done.files.items())]
    return Outcome(data, f"{done.folder}\n{table(rows, ['file', 'sha256 begins'])}")


def prune(args: Namespace) -> Outcome:
    from loop.models.prune import prune as run

    settings = load_settings(args.project)
    policy = settings.registry
    policy = policy if args.keep is None else replace(policy, keep=args.keep)
    policy = policy if args.older_than is None else replace(policy, days=args.older_than)
    with project.opened(settings) as store:
        done = run(store, settings, policy, actor=person(), now=datetime.now(UTC), dry=args.dry_run)
    data = {
        "pruned": [fate.adapter.id for fate in done.gone],
        "bytes": done.freed,
        "kept": {fate.adapter.id: fate.kept for fate in done.fates if fate.kept is not None},
        "dry_run": done.dry,
        "policy": {"keep": policy.keep, "days": policy.days},
    }
    rows = [
        (
            fate.adapter.id,
            f"{fate.adapter.at:%Y-%m-%d %H:%M}",
            size(fate.size),
            fate.kept or ("would go" if done.dry else "pruned"),
        )
        for fate in done.fates
    ]
    verb = "would be freed" if done.dry else "freed"
    told = f"{len(done.gone)} of {len(done.fates)} adapters, {size(done.freed)} {verb}"
    shown = table(rows, ["adapter", "made", "size", ""]) if rows else "No adapter has files."
    return Outcome(data, f"{told}\n{shown}")


def size(count: int) -> str:
    """Bytes in words.

    >>> size(512), size(2_500_000)
    ('512 B', '2.5 MB')
    """
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"
