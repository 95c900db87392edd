"""One answer, piece by piece: guarded before it leaves, logged before it ends."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from loop.answer.handover import ABSTENTION
from loop.answer.outflow import Outflow

if TYPE_CHECKING:
    from loop.answer.assistant import Desk
    from loop.answer.records import Answer, Turn


class AnswerStream:
    """An iterator over the text; `answer` is set once it is exhausted or closed.

    Used by one thread at a time, from start to end.
    """

    def __init__(self, desk: Desk, turn: Turn) -> None:
        self.turn = turn
        self.answer: Answer | None = None
        self._desk = desk
        self._source: Any = (
            None if turn.said is not None else desk.engine.stream(desk.request(turn))
        )
        self._sent = ""
        self._pieces = self._flow()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """Stop the model. What was said so far, if anything, is logged as the answer."""
        self._pieces.close()
        close = getattr(self._source, "close", None)
        if close is not None:
            close()
        if self.answer is None and self._sent.strip():
            self._conclude(None, handover=False)

    def _flow(self) -> Generator[str, None, None]:
        if self._source is None:
            yield self._send(self.turn.said or ABSTENTION)
            self._conclude(None)
            return
        outflow = Outflow(self.turn.sources)
        for piece in self._source:
            text = outflow.push(piece)
            if text := text if self._sent else text.lstrip():
                yield self._send(text)
        rest = outflow.finish()
        if rest := rest if self._sent else rest.strip():
            yield self._send(rest)
        if not self._sent.strip():
            yield self._send(ABSTENTION)
        self._conclude(self._source.last)

    def _send(self, text: str) -> str:
        self._sent += text
        return text

    def _conclude(self, made: Any, *, handover: bool = True) -> None:
        answer = self._desk.finish(self.turn, made, sent=self._sent)
        self._desk.log([self.turn], [answer], handover=handover)
        self.answer = answer
