import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from loop.answer.records import Ask
from loop.serve.batcher import MOST, Batcher


def ask(n: int = 0) -> Ask:
    return Ask(question=str(n), user="u")


def test_asks_that_come_together_share_a_batch_and_keep_their_answers():
    sizes = []
    batcher = Batcher(lambda asks: [a.question for a in asks], observe=sizes.append)
    futures = [batcher.submit(ask(n)) for n in range(50)]
    assert [f.result(5) for f in futures] == [str(n) for n in range(50)]
    batcher.close()
    assert max(sizes) <= MOST
    assert len(sizes) <= 4


def test_a_bad_ask_fails_alone():
    def answer(asks):
        if any(a.question == "3" for a in asks):
            raise ValueError("three")
        return [a.question for a in asks]

    batcher = Batcher(answer)
    futures = [batcher.submit(ask(n)) for n in range(6)]
    for n, future in enumerate(futures):
        if n == 3:
            with pytest.raises(ValueError, match="three"):
                future.result(5)
        else:
            assert future.result(5) == str(n)
    batcher.close()


def test_closing_answers_what_was_queued_and_takes_no_more():
    batcher = Batcher(lambda asks: [time.sleep(0.01) or a.question for a in asks])
    futures = [batcher.submit(ask(n)) for n in range(5)]
    batcher.close()
    batcher.close()
    assert [f.result(0) for f in futures] == ["0", "1", "2", "3", "4"]
    with pytest.raises(RuntimeError):
        batcher.submit(ask())


def test_what_nobody_waits_for_any_more_is_not_answered():
    go, seen = threading.Event(), []

    def answer(asks):
        go.wait(5)
        seen.extend(a.question for a in asks)
        return [a.question for a in asks]

    batcher = Batcher(answer, window=0)
    first = batcher.submit(ask(1))
    while not first.running():
        time.sleep(0.001)
    gone = batcher.submit(ask(2))
    assert gone.cancel()
    go.set()
    batcher.close()
    assert seen == ["1"]


def many_threads_submit():
    batcher = Batcher(lambda asks: [a.question for a in asks], threads=3, window=0.0002)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: batcher.submit(ask(n)).result(30), range(200)))
    assert answers == [str(n) for n in range(200)]
    batcher.close()


def test_many_threads_may_submit_and_none_waits_for_the_next_ask():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads that take turns often lose races that are seldom lost
    try:
        for _ in range(20):
            many_threads_submit()
    finally:
        sys.setswitchinterval(interval)
