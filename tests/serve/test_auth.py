import base64

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from knowledge.errors import RatchetError
from loop.serve.auth import COOKIE, SESSION, Gate, api_key, check_bind, is_loopback
from loop.settings import ServeSettings, Settings

KEY = "a-long-key"


async def inner(scope, receive, send):
    """An app that lets everyone in: what reaches it has passed the gate."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
        return
    await PlainTextResponse("inside")(scope, receive, send)


def client(key=KEY, *, base="http://127.0.0.1:8750", now=lambda: 1000.0, host="127.0.0.1"):
    return TestClient(Gate(inner, key=key, host=host, now=now), base_url=base)


def basic(password: str, user: str = "anyone") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/store/query", "/metrics"])
def test_the_api_wants_the_key_as_a_bearer_token(path):
    assert client().get(path).status_code == 401
    assert client().get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client().get(path, headers={"Authorization": f"Bearer {KEY}"}).text == "inside"
    refused = client().get(path)
    assert refused.json()["error"]["type"] == "authentication_error"
    assert refused.headers["www-authenticate"] == "Bearer"


def test_health_needs_no_key():
    assert client().get("/healthz").text == "inside"
    assert client().get("/healthz/..").status_code == 401


def test_pages_ask_a_browser_for_the_key_and_then_remember_it():
    visitor = client()
    asked = visitor.get("/")
    assert asked.status_code == 401
    assert asked.headers["www-authenticate"].startswith("Basic realm=")
    assert visitor.get("/", headers=basic("wrong")).status_code == 401
    welcome = visitor.get("/", headers=basic(KEY))
    assert welcome.text == "inside"
    cookie = welcome.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert KEY not in cookie
    assert visitor.get("/review").text == "inside"


def test_a_session_ends_and_cannot_be_made_up():
    time = [1000.0]
    visitor = client(now=lambda: time[0])
    visitor.get("/", headers=basic(KEY))
    token = visitor.cookies[COOKIE]
    time[0] += SESSION + 1
    assert visitor.get("/").status_code == 401
    expires, _, mark = token.partition(".")
    for forged in (f"{int(expires) + 99999}.{mark}", f"{expires}.", "", "x.y", f"9{token}"):
        stranger = client()
        stranger.cookies.set(COOKIE, forged)
        assert stranger.get("/").status_code == 401
    other = client(key="another-key", now=lambda: 1000.0)
    other.cookies.set(COOKIE, token)
    assert other.get("/").status_code == 401


def test_the_websocket_is_closed_to_strangers_and_open_to_a_session():
    with pytest.raises(WebSocketDisconnect), client().websocket_connect("/_stcore/stream"):
        pass
    visitor = client()
    visitor.get("/", headers=basic(KEY))
    with visitor.websocket_connect("ws://127.0.0.1:8750/_stcore/stream"):
        pass
    with client().websocket_connect("/_stcore/stream", headers=basic(KEY)):
        pass


@pytest.mark.parametrize("key", [None, KEY])
def test_pages_of_other_sites_may_not_use_the_server(key):
    headers = {"Authorization": f"Bearer {KEY}", "Origin": "https://evil.example"}
    assert client(key).post("/v1/feedback", headers=headers).status_code == 403
    with pytest.raises(WebSocketDisconnect), client(key).websocket_connect("/s", headers=headers):
        pass
    own = {**headers, "Origin": "http://127.0.0.1:8750"}
    assert client(key).post("/v1/feedback", headers=own).text == "inside"


def test_without_a_key_only_names_of_this_machine_are_answered():
    for base in ("http://127.0.0.1:8750", "http://localhost:8750", "http://[::1]:8750"):
        assert client(None, base=base).get("/v1/models").text == "inside"
    assert client(None, base="http://rebound.example:8750").get("/v1/models").status_code == 403
    assert client(KEY, base="http://desk.example").get("/v1/models").status_code == 401


def test_broken_credentials_are_refused_not_crashed_on():
    for value in ("Basic %%%", "Basic", "Bearer", "Digest x", "Basic Zm9v"):
        assert client().get("/", headers={"Authorization": value}).status_code == 401


def test_a_public_address_needs_a_key(monkeypatch):
    public = Settings(serve=ServeSettings(host="0.0.0.0", key_env="MY_KEY"))
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(RatchetError, match="MY_KEY"):
        check_bind(public, api_key(public))
    monkeypatch.setenv("MY_KEY", "  ")
    assert api_key(public) is None
    monkeypatch.setenv("MY_KEY", KEY)
    check_bind(public, api_key(public))
    check_bind(Settings(), None)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.5", False), ("", False)],
)  # fmt: skip
def test_what_counts_as_loopback(host, expected):
    assert is_loopback(host) is expected


def test_a_real_server_with_a_key_lets_nobody_in_without_it(keyed):
    for method, path in (
        ("GET", "/v1/models"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/interactions"),
        ("POST", "/v1/feedback"),
        ("POST", "/v1/knowledge/search"),
        ("GET", "/metrics"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/"),
    ):
        assert httpx.request(method, f"{keyed.url}{path}").status_code == 401, path
    assert httpx.get(f"{keyed.url}/healthz").status_code == 200
    assert [m.id for m in keyed.openai().models.list()]
    assert keyed.store.query("counts")[0]["interactions"] == 0
