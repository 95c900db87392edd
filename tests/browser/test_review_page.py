"""A real browser on a real server: what is posted to the API is seen on the page."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SERVER = """
import sys
from pathlib import Path
from loop.serve.app import _run, address_of, assemble, bind, build
from loop.serve.dashboard import find_script
from loop.store.store import open_store
from tests.answer.fakes import FakeCollection, FakeEngine
from tests.serve.conftest import project

settings = project(Path(sys.argv[1]))
listening = bind(settings)
address = address_of(listening)
store = open_store(settings, serving_address=address)
running = assemble(settings, address, store, FakeCollection(), FakeEngine())
app = build(running, key=None, script=find_script())
_run(app, listening, lambda: print(address, flush=True))
"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium or chromedriver is not there"),
]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a server whose store is empty."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait(20)
        server.stdout.close()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("empty")) as address:
        yield address


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1400,1400",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def sees(browser: Any, text: str, seconds: float = 30.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if text in browser.page_source:
            return True
        time.sleep(0.2)
    return False


def test_a_rating_posted_to_the_api_is_seen_on_the_review_page(address: str, browser: Any) -> None:
    asked = httpx.post(
        f"{address}/v1/chat/completions",
        json={
            "model": "desk",
            "user": "ann",
            "messages": [{"role": "user", "content": "What is the fee for a stop payment?"}],
        },
        timeout=30,
    ).json()
    said = {
        "interaction": asked["ratchet"]["interaction"],
        "rater": "bob",
        "kind": "comment",
        "text": "Clear, short and <b>cited</b>.",
    }
    assert httpx.post(f"{address}/v1/feedback", json=said, timeout=30).status_code == 200
    browser.get(f"{address}/review?rater=ann")
    assert sees(browser, "What is the fee for a stop payment?")
    assert sees(browser, "hidden until you have judged it")
    assert "Clear, short" not in browser.page_source
    mine = {"interaction": said["interaction"], "rater": "ann", "kind": "thumb", "value": 1}
    assert httpx.post(f"{address}/v1/feedback", json=mine, timeout=30).status_code == 200
    assert sees(browser, "Clear, short and &lt;b&gt;cited&lt;/b&gt;.")  # shown, never run


# All but Knowledge, whose collection is a fake here; tests/dashboards opens it empty.
PAGES = ["", "ask", "review", "evaluations", "experiments", "adapters", "training"]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_an_empty_store(empty: str, browser: Any, page: str) -> None:
    browser.get(f"{empty}/{page}")
    assert sees(browser, "<h1")
    assert sees(browser, 'data-test-script-state="notRunning"')
    assert [one.text for one in browser.find_elements("css selector", ".stException")] == []
