import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from knowledge.errors import RatchetError
from loop.serve import state
from loop.serve.app import address_of, bind, serve
from loop.settings import ServeSettings, Settings
from tests.answer.fakes import FakeEngine, adapter, promote

ROOT = Path(__file__).parents[2]
ASK = {"model": "desk", "messages": [{"role": "user", "content": "What is the stop payment fee?"}]}


def test_a_port_in_use_is_named_before_anything_is_opened(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(root=tmp_path, serve=ServeSettings(port=port))
        with pytest.raises(RatchetError, match=f"Port {port} .* in use"):
            serve(settings)
    assert not settings.store_path.exists()


def test_a_host_that_is_not_ours_is_the_users_to_mend(tmp_path, monkeypatch):
    monkeypatch.setenv("RATCHET_API_KEY", "key")
    with pytest.raises(RatchetError, match=r"serve\.host"):
        bind(Settings(root=tmp_path, serve=ServeSettings(host="192.0.2.1", port=0)))


def test_commands_reach_a_server_on_all_addresses_by_loopback():
    with bind(Settings(serve=ServeSettings(host="0.0.0.0", port=0))) as listening:
        assert address_of(listening).startswith("http://127.0.0.1:")


def test_pages_in_the_process_share_the_servers_desk_and_store(server):
    assert state.current() is server.running


def test_nothing_is_current_after_the_server_has_stopped(start):
    with start():
        assert state.current() is not None
    assert state.current() is None


def test_a_promotion_changes_the_answering_adapter_within_a_second_and_drops_nothing(
    start, tmp_path
):
    with start(engine=FakeEngine(seconds=0.005)) as server:
        server.store.append([adapter(f"ad-{n}", tmp_path / f"ad-{n}") for n in (1, 2)])
        stop, served, streamed = threading.Event(), [], []

        def ask(stream: bool) -> None:
            with server.http() as http:
                while not stop.is_set():
                    reply = http.post("/v1/chat/completions", json={**ASK, "stream": stream})
                    assert reply.status_code == 200, reply.text
                    if stream:
                        assert reply.text.endswith("data: [DONE]\n\n")
                        streamed.append(reply.text)
                    else:
                        served.append((time.monotonic(), reply.json()["ratchet"]["adapter"]))

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask, n % 2 == 0) for n in range(4)]
            try:
                promoted = {}
                for new, old in (("ad-1", "base"), ("ad-2", "ad-1"), ("ad-1", "ad-2")):
                    time.sleep(0.2)
                    promote(server.store, new, old)
                    promoted[new] = time.monotonic()
                    _wait_for(lambda new=new: bool(served) and served[-1][1] == new)
                    assert time.monotonic() - promoted[new] < 1.0
            finally:
                stop.set()
            for one in asking:
                one.result(10)
        assert len(streamed) > 3


def test_requests_under_way_are_finished_when_the_server_stops(start):
    engine = FakeEngine(seconds=0.5)
    with start(engine=engine) as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(httpx.post, f"{server.url}/v1/chat/completions", json=ASK, timeout=10)
        _wait_for(lambda: bool(engine.batches))
        store = server.store
    assert asked.result(5).status_code == 200
    del store


SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
import loop.serve.app as app
from loop.serve import dashboard
from tests.answer.fakes import FakeCollection, FakeEngine
from loop.settings import ServeSettings, Settings
from loop.store.store import open_store

page = Path(sys.argv[1]) / "page.py"
page.write_text("import streamlit as st\\n"
    "from loop.serve.state import current\\n"
    "st.title('Placeholder')\\n"
    "st.write('served by ' + current().settings.assistant.name)\\n")
dashboard.find_script = lambda: page
app.start = lambda settings, address: app.assemble(
    settings, address, open_store(settings, serving_address=address), FakeCollection(), FakeEngine()
)
app.serve(Settings(root=Path(sys.argv[1]), serve=ServeSettings(port=0)),
    announce=lambda line: print(line, flush=True))
print("closed", flush=True)
"""


def test_dashboard_api_and_websocket_are_one_process_that_ends_cleanly_on_sigterm(tmp_path):
    import websockets.sync.client as websockets

    environment = {**os.environ, "RATCHET_API_KEY": "a-long-key", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    ) as process:
        try:
            url = process.stdout.readline().split()[-1]
            key = {"Authorization": "Bearer a-long-key"}
            assert httpx.get(url).status_code == 401
            page = httpx.get(url, auth=("anyone", "a-long-key"))
            assert "<title>" in page.text
            assert httpx.get(f"{url}/v1/models", headers=key).json()["data"][0]["id"] == "desk"
            assert httpx.get(f"{url}/v1/nothing", headers=key).status_code == 404
            assert httpx.get(f"{url}/healthz").json()["status"] == "ok"
            assert httpx.get(f"{url}/_stcore/health", headers=key).status_code == 200
            stream = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
            with pytest.raises(Exception, match="403"):
                websockets.connect(stream, subprotocols=["streamlit"])
            cookie = {"Cookie": f"ratchet_session={page.cookies['ratchet_session']}"}
            with websockets.connect(
                stream, subprotocols=["streamlit"], additional_headers=cookie
            ) as socket_:
                assert socket_.subprotocol == "streamlit"
                process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == "closed\n"
            assert process.wait(20) == 0
        finally:
            process.kill()
    assert not (tmp_path / ".ratchet" / "store.lock").exists()


def _now():
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _wait_for(condition, seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.005)
