"""A real browser, with a hostile page open: nothing the page can do makes the server run a call."""

import contextlib
import json
import queue
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import BROWSER
from tests.server.hostile_site import HostileSite, hostile_site
from tests.server.server import running
from tests.server.toy_runtime import ToyRuntime

ATTACK = (Path(__file__).parent / "attack.html").read_text(encoding="utf-8")
ECHO, ICON, SKILLS = "/api/skills/toy/echo", "/api/skills/toy/icon", "/api/skills"
EVERY_ATTACK_ARRIVES = [
    ("OPTIONS", ECHO),
    ("POST", ECHO),
    ("POST", ECHO),
    ("POST", ECHO),
    ("GET", SKILLS),
    ("GET", ICON),
    ("GET", ICON),
    ("POST", ECHO),
]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no chromium is installed")]


@contextlib.contextmanager
def browsing(url: str, profile: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A browser at this address, for which every name below .example is this machine."""
    assert BROWSER is not None
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-background-networking",
        "--disable-component-update",
        "--host-resolver-rules=MAP *.example 127.0.0.1",
        f"--user-data-dir={profile}",
        url,
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as browser:
        try:
            yield browser
        finally:
            browser.terminate()
            browser.communicate(timeout=20)


def visit(site: HostileSite, name: str, profile: Path) -> Any:
    """What the site's page found out in a browser that opened it under this name."""
    with browsing(f"http://{name}:{site.port}/", profile) as browser:
        try:
            return json.loads(site.findings.get(timeout=30))
        except queue.Empty:
            browser.terminate()
            pytest.fail(f"the page did not finish; the browser said: {browser.communicate()[1][-2000:]!r}")


@pytest.mark.parametrize("name", ["hostile.example", "localhost"])
def test_a_page_of_another_origin_can_neither_call_nor_read(name: str, tmp_path: Path) -> None:
    icon = tmp_path / "icon.svg"
    icon.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    runtime = ToyRuntime(icon=icon)
    with running(runtime.open) as server, hostile_site() as other:
        page = ATTACK.replace("$RUNTIME", server.url).replace("$OTHER", f"http://127.0.0.1:{other.port}")
        with hostile_site(page.encode(), forward_to=server.port) as site:
            findings = visit(site, name, tmp_path / "profile")
    assert runtime.calls == []
    assert findings["runtime"] == {
        "json": "refused",
        "text": "refused",
        "blind": "refused",
        "empty": "refused",
        "read": "refused",
        "image": "refused",
        "script": "refused",
        "form": "loaded",
    }
    assert findings["rebound"] == 421
    assert other.seen == EVERY_ATTACK_ARRIVES
    assert findings["other"]["image"] == "loaded"
