"""Tasks of EleutherAI's lm-evaluation-harness, run on an adapter in this process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval_suites.records import Reply, Report, Score
from eval_suites.run import summarise
from knowledge.errors import RatchetError
from loop.models.records import BASE, GenerationRequest, LikelihoodRequest, Weigher
from loop.project import TASK

if TYPE_CHECKING:
    from loop.models.engine import Engine

MOST_TOKENS = 256  # of a generated answer, where a task does not say


def run_tasks(
    engine: Engine,
    tasks: Sequence[str],
    *,
    adapter: str = BASE,
    folder: Path | None = None,
    limit: int | None = None,
) -> list[Report]:
    """Run tasks of the harness, each as a suite: a case per document, a score per metric.

    Args:
        engine: A model in this process: most tasks weigh given answers.
        tasks: Their names in the harness, without the prefix; a group gives a report per task.
        adapter: An adapter the engine has loaded, or "base".
        folder: With task files (YAML) of your own. They may name code, which is then run.
        limit: Documents per task; None is all.

    Raises:
        RatchetError: The harness is not installed, a task is not known or cannot be had, or the
            engine cannot weigh answers.
    """
    try:
        from lm_eval import simple_evaluate
        from lm_eval.tasks import TaskManager
    except ImportError as problem:
        raise RatchetError(
            "Tasks of the harness need lm-evaluation-harness, which is not installed. Install it "
            'with `pip install "ratchet-loop[harness]"`, or `pip install lm-eval`.'
        ) from problem
    if not isinstance(engine, Weigher):
        raise RatchetError(
            "The harness asks how likely given answers are, which a model server does not tell. "
            'Set assistant.endpoint = "" and run it on the model itself.'
        )
    manager = TaskManager(include_path=None if folder is None else str(folder))
    unknown = [task for task in tasks if not manager.match_tasks([task])]
    if unknown:
        raise RatchetError(
            f"The harness knows no task {', '.join(unknown)}. `lm_eval ls tasks` lists them; for "
            "files of your own name their folder."
        )
    try:
        found: Any = simple_evaluate(
            model=_model(engine, adapter),
            tasks=list(tasks),
            task_manager=manager,
            limit=limit,
            bootstrap_iters=0,
            apply_chat_template=False,
        )
    except (OSError, ConnectionError, ValueError) as problem:
        raise RatchetError(
            f"{', '.join(tasks)}: the harness could not run: {problem}. A task whose data lie on "
            "the hub needs a network, or the data in the hub's cache."
        ) from problem
    return [
        _report(task, adapter, samples, found["configs"][task], str(found["versions"].get(task)))
        for task, samples in sorted(found["samples"].items())
    ]


def _model(engine: Any, adapter: str) -> Any:
    """The engine as the harness sees a model."""
    from lm_eval.api.model import LM

    class Model(LM):  # type: ignore[misc]
        def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
            weighed = engine.likelihood(
                [
                    LikelihoodRequest(text=text, completion=rest, adapter=adapter)
                    for text, rest in (request.args for request in requests)
                ]
            )
            return [(one.logprob, one.greedy) for one in weighed]

        def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
            weighed = engine.likelihood(
                [
                    LikelihoodRequest(completion=request.args[0], adapter=adapter)
                    for request in requests
                ]
            )
            return [one.logprob for one in weighed]

        def generate_until(self, requests: Sequence[Any]) -> list[str]:
            made = engine.generate(
                [_generation(*request.args, adapter=adapter) for request in requests]
            )
            return [one.text for one in made]

    return Model()


def _generation(text: str, options: Mapping[str, Any], *, adapter: str) -> GenerationRequest:
    stop = options.get("until") or ()
    return GenerationRequest(
        messages=[{"role": "user", "content": text}],
        adapter=adapter,
        max_tokens=int(options.get("max_gen_toks", MOST_TOKENS)),
        temperature=float(options.get("temperature", 0.0)) if options.get("do_sample") else 0.0,
        seed=0,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
    )


def _report(
    task: str, adapter: str, samples: Sequence[Mapping[str, Any]], config: Any, release: str
) -> Report:
    scores = tuple(_scores(samples))
    metrics = dict.fromkeys(score.metric for score in scores)
    content = json.dumps([task, release, config, len(samples)], sort_keys=True, default=str)
    return Report(
        suite=TASK + task,
        version=hashlib.sha256(content.encode()).hexdigest()[:16],
        assistant=adapter,
        replies={_id(sample): _reply(sample) for sample in samples},
        scores=scores,
        summary={
            metric: summarise(some, unit=_unit(some))
            for metric in metrics
            for some in [[score for score in scores if score.metric == metric]]
        },
    )


def _scores(samples: Sequence[Mapping[str, Any]]) -> Iterator[Score]:
    for sample in samples:
        for metric in sample.get("metrics", ()):
            value = sample.get(metric)
            if isinstance(value, bool | int | float):
                name = _id(sample)
                kept = str(sample.get("filter", "none"))  # how the answer was taken from the reply
                shown = metric if kept == "none" else f"{metric} ({kept})"
                yield Score(case=name, metric=shown, value=float(value), cluster=name)


def _id(sample: Mapping[str, Any]) -> str:
    return f"{sample['doc_id']:06d}"


def _reply(sample: Mapping[str, Any]) -> Reply:
    said = sample.get("filtered_resps") or [""]
    return Reply(text=said[0] if isinstance(said[0], str) else json.dumps(said, default=str))


def _unit(scores: Sequence[Score]) -> str:
    """What is not a share has no known bounds."""
    return "" if all(0 <= score.value <= 1 for score in scores) else "as the task has it"
