import asyncio
import json
import time

import pytest

from tests.answer.fakes import adapter, promote

ROW = {"question": "What is the fee?", "answer": "30 dollars.", "user": "ada"}


def test_models_lists_the_assistant_and_its_adapters(server, tmp_path):
    server.store.append([adapter("ad-one", tmp_path / "ad-one")])
    listed = [m.id for m in server.openai().models.list()]
    assert listed == ["desk", "desk@base", "desk@ad-one"]
    assert server.openai().models.retrieve("desk@ad-one").owned_by == "ratchet"


def test_an_interaction_of_another_model_is_logged_and_can_be_sent_again(server):
    body = {**ROW, "id": "mine-1", "base": "gpt-4o", "consent": "contract"}
    with server.http() as http:
        for _ in range(2):
            assert http.post("/v1/interactions", json=body).json()["ids"] == ["mine-1"]
    [row] = server.store.query("interaction", id="mine-1")
    assert (row["base"], row["consent"], row["assistant"]) == ("gpt-4o", "contract", "desk")
    assert row["messages"] == [{"role": "user", "content": "What is the fee?"}]
    assert server.store.query("counts")[0]["interactions"] == 1


def test_a_list_of_interactions_is_logged_whole_or_not_at_all(server):
    with server.http() as http:
        done = http.post("/v1/interactions", json=[ROW, {**ROW, "answer": "I do not know."}])
        assert len(set(done.json()["ids"])) == 2
        bad = http.post("/v1/interactions", json=[ROW, {"question": "What?"}])
    assert bad.status_code == 400
    assert bad.json()["error"]["param"] == "1.answer"
    assert server.store.query("counts")[0]["interactions"] == 2
    abstained = [bool(server.store.query("interaction", id=i)[0]["abstained"])
                 for i in done.json()["ids"]]  # fmt: skip
    assert abstained == [False, True]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({**ROW, "colour": "blue"}, "colour"),
        ({**ROW, "id": "no spaces please"}, "id"),
        ({**ROW, "at": "2026-01-01T00:00:00"}, "at"),
        ({**ROW, "consent": "maybe"}, "consent"),
        ({**ROW, "confidence": 2}, "confidence"),
        ([], None),
    ],
)
def test_a_bad_interaction_names_its_field(server, body, param):
    with server.http() as http:
        response = http.post("/v1/interactions", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


def test_what_is_not_json_is_refused_in_the_same_format(server):
    with server.http() as http:
        for content, kind in ((b"{", "application/json"), (b"\xff\xfe", "application/json"),
                              (json.dumps(ROW).encode(), "text/plain")):  # fmt: skip
            response = http.post(
                "/v1/interactions", content=content, headers={"Content-Type": kind}
            )
            assert response.status_code == 400
            assert response.json()["error"]["type"] == "invalid_request_error"


def test_two_thousand_posts_at_once_are_all_durable_and_none_is_dropped(server):
    host, port = server.url.removeprefix("http://").split(":")

    async def post(n: int, go: asyncio.Event) -> str:
        reader, writer = await asyncio.open_connection(host, int(port))
        await go.wait()
        body = json.dumps({**ROW, "user": f"u{n}"}).encode()
        head = (
            f"POST /v1/interactions HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.read()
        writer.close()
        status, _, rest = answer.partition(b"\r\n")
        assert b"200" in status, answer
        return json.loads(rest.partition(b"\r\n\r\n")[2])["ids"][0]

    async def burst() -> list[str]:
        go = asyncio.Event()
        posts = [asyncio.create_task(post(n, go)) for n in range(2000)]
        await asyncio.sleep(0.5)
        go.set()
        return await asyncio.gather(*posts)

    began = time.perf_counter()
    ids = asyncio.run(burst())
    assert len(set(ids)) == 2000
    assert server.store.query("counts")[0]["interactions"] == 2000
    assert time.perf_counter() - began < 30


def test_feedback_is_recorded_and_names_its_guideline(server):
    with server.http() as http:
        [one] = http.post("/v1/interactions", json=ROW).json()["ids"]
        [two] = http.post("/v1/interactions", json=ROW).json()["ids"]
        thumb = http.post(
            "/v1/feedback", json={"interaction": one, "rater": "bo", "kind": "thumb", "value": 1}
        )
        assert thumb.status_code == 200, thumb.text
        assert "@" in thumb.json()["guideline"]
        compared = http.post(
            "/v1/feedback",
            json={"interactions": [one, two], "ranks": [2, 1], "shown": [two, one], "rater": "bo"},
        )
        assert compared.json()["kind"] == "comparison"
        bad = http.post(
            "/v1/feedback", json={"interaction": one, "rater": "bo", "kind": "thumb", "value": 7}
        )
        assert bad.status_code == 400
        lost = http.post("/v1/feedback", json={"interaction": one, "kind": "thumb"})
        assert lost.json()["error"]["param"] == "rating.rater"
    counts = server.store.query("counts")[0]
    assert (counts["ratings"], counts["comparisons"]) == (1, 1)


def test_documents_are_added_and_found(server):
    new = {"id": "fx.md", "title": "Exchange", "text": "Yen are exchanged at 2 percent."}
    with server.http() as http:
        added = http.post("/v1/knowledge/documents", json={"documents": [new]})
        assert added.json()["documents"][0]["id"] == "fx.md"
        found = http.post(
            "/v1/knowledge/search", json={"query": "Yen exchanged percent", "limit": 1}
        )
    [passage] = found.json()["passages"]
    assert passage["document"] == "fx.md"
    assert {"start", "end", "text", "score", "why"} <= set(passage)


def test_a_search_sees_only_what_the_labels_allow(server):
    secret = {"id": "s.md", "text": "The vault code rotates weekly.", "access": ["staff"]}
    with server.http() as http:
        http.post("/v1/knowledge/documents", json={"documents": [secret]})
        query = {"query": "vault code rotates"}
        assert http.post("/v1/knowledge/search", json=query).json()["passages"] == []
        inside = http.post("/v1/knowledge/search", json={**query, "labels": ["staff"]})
    assert [p["document"] for p in inside.json()["passages"]] == ["s.md"]


def test_metrics_count_what_happened(server):
    with server.http() as http:
        http.post(
            "/v1/chat/completions",
            json={
                "model": "desk",
                "messages": [{"role": "user", "content": "What is the wire fee"}],
            },
        )
        http.get("/v1/nothing")
        text = http.get("/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    route = 'method="POST",route="/v1/chat/completions",status="200"'
    assert lines[f"ratchet_requests_total{{{route}}}"] == "1.0"
    assert lines["ratchet_batch_size_count"] == "1.0"
    assert lines['ratchet_champion_info{adapter="base"}'] == "1.0"
    assert lines["ratchet_degraded"] == "0.0"


def test_health_says_when_the_champion_cannot_be_served(server, tmp_path):
    with server.http() as http:
        assert http.get("/healthz").json()["status"] == "ok"
        broken = adapter("ad-bad", tmp_path / "ad-bad", sha256="0" * 64)
        server.store.append([broken])
        promote(server.store, "ad-bad")
        until = time.monotonic() + 3
        while (body := http.get("/healthz").json())["status"] == "ok":
            assert time.monotonic() < until
            time.sleep(0.02)
    assert body["status"] == "degraded"
    assert body["adapter"] == "base"


def test_unknown_paths_below_v1_are_errors_and_docs_list_the_known(server):
    with server.http() as http:
        lost = http.get("/v1/completion")
        assert lost.status_code == 404
        assert lost.json()["error"]["code"] == "unknown_url"
        assert http.get("/docs").status_code == 200
        paths = set(http.get("/openapi.json").json()["paths"])
    assert {
        "/v1/chat/completions",
        "/v1/models",
        "/v1/feedback",
        "/v1/interactions",
        "/v1/knowledge/documents",
        "/v1/knowledge/search",
        "/healthz",
    } <= paths
