"""A run on a Ray cluster: what it needs goes there as content, what it makes comes back.

Nothing is shared but the cluster's object store. The run's folder here mirrors the one there, so
that after a machine's death the run goes on elsewhere from the last checkpoint that came back.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.errors import RatchetError
from loop.models.bases import POCKET, base_folder
from loop.train.carry import Files, News, read_tree, write_news
from loop.train.job import ERROR, STOPPED, Job, read_json, write_json
from loop.train.parallel import Machine

_LOOK_EVERY = 0.5  # seconds between looks at the run
_TRIES = 5  # machines that may die under a run


class Address(NamedTuple):
    """Where a Ray cluster is."""

    ray: str  # as `ray.init` takes it


def address_of(on: str) -> Address | None:
    """The cluster that `train.on` names; None is this machine.

    Raises:
        RatchetError: It names nothing that there is.

    >>> address_of("ray"), address_of("ray:head:6379"), address_of("")
    (Address(ray='auto'), Address(ray='head:6379'), None)
    """
    if not on:
        return None
    if on == "ray":
        return Address("auto")
    if on.startswith("ray://"):
        return Address(on)
    if on.startswith("ray:") and on.removeprefix("ray:"):
        return Address(on.removeprefix("ray:"))
    raise RatchetError(
        f'train.on is {on!r}, expected "ray", "ray:HOST:PORT", "ray://HOST:PORT" or nothing. '
        "Mend that line of ratchet.toml, or --on."
    )


@contextmanager
def cluster(address: Address) -> Iterator[Any]:
    """The ray module, connected; one already connected is used and left as it is.

    Raises:
        RatchetError: Ray is not installed, or no cluster answers.
    """
    try:
        import ray
    except ImportError as problem:
        raise RatchetError(
            'Training on a Ray cluster needs the package ray. Install it with `pip install "'
            'ratchet-loop[ray]"`, or leave train.on empty to train here.'
        ) from problem
    if ray.is_initialized():
        yield ray
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing here may phone home
    try:
        ray.init(address=address.ray, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, OSError, ValueError, RuntimeError) as problem:
        raise RatchetError(
            f"No Ray cluster answers at {address.ray!r} ({problem}). Start one with "
            "`ray start --head`, name its address in train.on, or leave that empty."
        ) from problem
    try:
        yield ray
    finally:
        ray.shutdown()


def machine_there(address: Address) -> Machine:
    """What the cluster's machines have: the one with the most GPUs, then the most cores."""
    with cluster(address) as ray:
        known = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus, cores = max((int(one.get("GPU", 0)), int(one.get("CPU", 0))) for one in known)
    return Machine("cuda" if gpus else "cpu", gpus, max(1, cores))


def train_far(
    folder: Path, job: Job, address: Address, told: Callable[[], None] = lambda: None
) -> int:
    """Train a job on a cluster; its folder here fills as if it were trained here.

    Args:
        folder: The run's, with whatever an earlier attempt brought back.
        job: As it is here.
        address: The cluster's.
        told: Called whenever something came back.

    Returns:
        The training process's exit status.

    Raises:
        RatchetError: No machine there can take the job, or too many died.
    """
    from loop.train.worker import alone

    with alone(folder), cluster(address) as ray:
        needs = needed(job)
        _check_room(ray, needs)
        carried = {name: ray.put(files) for name, files in _luggage(job).items()}
        for _ in range(_TRIES):
            far = _actor(ray, needs)
            try:
                return _attend(ray, far, folder, job, carried, told)
            except (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError):
                continue  # its machine is gone; on from what came back
            finally:
                ray.kill(far)
    raise RatchetError(
        f"{folder}: {_TRIES} machines died under this run. See to the cluster; the same command "
        "goes on from what came back."
    )


def needed(job: Job) -> dict[str, float]:
    """What a job takes of one machine, in Ray's terms."""
    if job.device == "cpu":
        return {"CPU": float(job.threads * job.processes)}
    return {"GPU": float(job.processes), "CPU": float(job.processes)}


def _check_room(ray: Any, needs: dict[str, float]) -> None:
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(all(one.get(name, 0) >= much for name, much in needs.items()) for one in alive):
        return
    wanted = ", ".join(f"{much:g} {name}" for name, much in needs.items())
    raise RatchetError(
        f"No machine of the Ray cluster has {wanted}. Lower train.threads or train.processes, or "
        "add a machine."
    )


def _luggage(job: Job) -> dict[str, Files]:
    """What the job reads, as content. A base in the project's folder goes along; one elsewhere must
    lie there at the same place."""
    root = Path(job.root)
    inside: Files = {}
    carried = {"data": read_tree(Path(job.dataset_folder)), "root": inside}
    if job.parent_folder is not None:
        carried["parent"] = read_tree(Path(job.parent_folder))
    carried |= {name: read_tree(Path(path)) for name, path in job.judge_folders.items()}
    if (general := job.limits.general) and _is_inside(root, general):
        inside[general] = (root / general).read_bytes()
    if job.base != POCKET and _is_inside(root, job.base):
        base = base_folder(job.base, root)
        if base is not None:
            inside |= {f"{job.base}/{name}": data for name, data in read_tree(base).items()}
    return carried


def _is_inside(root: Path, name: str) -> bool:
    path = Path(name)
    return not path.is_absolute() and (root / path).resolve().is_relative_to(root)


def _actor(ray: Any, needs: dict[str, float]) -> Any:
    from loop.train.carry import Carrier

    return (
        ray.remote(Carrier)
        .options(num_cpus=needs["CPU"], num_gpus=needs.get("GPU", 0), max_restarts=0)
        .remote()
    )


def _attend(
    ray: Any, far: Any, folder: Path, job: Job, carried: dict[str, Any], told: Callable[[], None]
) -> int:
    """Stand by one attempt until it ends; told to stop, have it save and bring that back."""
    place = ray.get(far.begin.remote(job, read_tree(folder), carried))
    stopped: BaseException | None = None
    while True:
        try:
            news: News = ray.get(far.look.remote())
            write_news(folder, news)
            told()
            if news.status is not None:
                break
            time.sleep(_LOOK_EVERY)
        except (KeyboardInterrupt, SystemExit) as problem:
            stopped = problem
            ray.get(far.stop.remote())
    if (error := read_json(folder / ERROR)) is not None:  # in words of this machine
        write_json(folder / ERROR, {"message": error["message"].replace(place, str(folder))})
    if stopped is not None and news.status == STOPPED:
        raise stopped
    return news.status
