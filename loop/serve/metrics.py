"""What the server counts, in Prometheus's text format."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from loop.answer.records import Answer

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"})
_SHARES = tuple(n / 10 for n in range(1, 11))


class Metrics:
    """The counters and histograms of one server. Safe from any thread."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        own = self._registry
        self.requests = Counter(
            "ratchet_requests", "HTTP requests", ["method", "route", "status"], registry=own
        )
        self.request_seconds = Histogram(
            "ratchet_request_seconds",
            "Time to the end of the response",
            ["route"],
            buckets=_SECONDS,
            registry=own,
        )
        self.answers = Counter(
            "ratchet_answers", "Answers by who gave them", ["adapter", "outcome"], registry=own
        )
        self.answer_seconds = Histogram(
            "ratchet_answer_seconds", "Search to logged answer", buckets=_SECONDS, registry=own
        )
        self.first_piece_seconds = Histogram(
            "ratchet_first_piece_seconds", "Request to first text", buckets=_SECONDS, registry=own
        )
        self.confidence = Histogram(
            "ratchet_answer_confidence", "Confidence of answers", buckets=_SHARES, registry=own
        )
        self.tokens = Counter("ratchet_tokens", "Tokens read and written", ["kind"], registry=own)
        self.batch_size = Histogram(
            "ratchet_batch_size",
            "Asks answered at once",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=own,
        )
        self.feedback = Counter(
            "ratchet_feedback", "Ratings and comparisons", ["kind"], registry=own
        )
        self.logged = Counter("ratchet_interactions_logged", "Interactions sent in", registry=own)
        self.degraded = Gauge(
            "ratchet_degraded", "1 while what is served is not what was decided", registry=own
        )
        self.champion = Gauge(
            "ratchet_champion_info", "1 for the adapter that answers", ["adapter"], registry=own
        )

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        row = answer.interaction
        outcome = "abstained" if answer.abstained else "answered"
        self.answers.labels(row.adapter, outcome).inc()
        self.answer_seconds.observe(row.latency_ms / 1000)
        self.confidence.observe(answer.confidence)
        self.tokens.labels("prompt").inc(row.prompt_tokens)
        self.tokens.labels("completion").inc(row.completion_tokens)

    def text(self, *, champion: str, degraded: bool) -> bytes:
        """The page that Prometheus reads."""
        self.degraded.set(degraded)
        self.champion.clear()
        self.champion.labels(champion).set(1)
        return generate_latest(self._registry)


class Measured:
    """ASGI middleware that counts and times HTTP requests by route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", None) or "other"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.metrics.requests.labels(method, route, status).inc()
            self.metrics.request_seconds.labels(route).observe(time.perf_counter() - began)
