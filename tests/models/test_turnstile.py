"""Whoever waits longest comes next."""

from __future__ import annotations

import threading
import time

from loop.models.turnstile import Turnstile


def test_the_one_who_waits_goes_before_the_one_who_comes_back():
    turn, order = Turnstile(), []

    def wait() -> None:
        with turn:
            order.append("waited")

    with turn:
        other = threading.Thread(target=wait)
        other.start()
        while not turn._waiting:
            time.sleep(0.001)
    with turn:
        order.append("came back")
    other.join()
    assert order == ["waited", "came back"]


def test_only_one_is_inside_at_a_time():
    turn, inside, most = Turnstile(), [], []

    def work(name: int) -> None:
        for _ in range(200):
            with turn:
                inside.append(name)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 800
    assert set(most) == {1}
