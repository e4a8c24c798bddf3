"""The way into the console: a link that works once, a key in a header, and nothing else."""

import json
import threading
from http.client import HTTPConnection
from pathlib import Path
from time import time
from typing import Any

import pytest

from agentos_runtime.console.access.browsers import browser_label
from agentos_runtime.console.access.sessions import IDLE, LONGEST, Sessions
from agentos_runtime.console.access.tickets import LIFE, Tickets
from agentos_runtime.storage.private_files import PrivateFile
from tests.cli.console import Console, Done
from tests.console.conftest import OPERATOR, Opened, opened
from tests.server.client import ask

PAGES = ("", "skills", "skills/forms", "skills/forms/authority", "activity", "keys", "agents", "events", "nowhere")
TOKEN = "the-token-of-all-callers"
CROSS_SITE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def test_a_link_lets_one_browser_in_and_its_key_opens_every_page(console: Opened) -> None:
    key = console.let_in()
    assert {path: console.page(path, key).status for path in PAGES[:-2]} == dict.fromkeys(PAGES[:-2], 200)
    assert console.page("nowhere", key).status == 404


@pytest.mark.parametrize("path", PAGES)
def test_no_page_opens_without_a_session(console: Opened, path: str) -> None:
    for proof in ({}, {"X-Console-Key": "made-up"}, {"Authorization": f"Bearer {OPERATOR}"}, {"Cookie": "key=x"}):
        found = console.page(path, None, **proof)
        assert (found.status, found.code) == (401, "console_locked"), proof


def test_only_a_browser_that_had_a_key_hears_that_its_session_ended(console: Opened) -> None:
    told = [console.page("skills", None, **{"X-Console-Key": key}).json["error"] for key in ("", "made-up")]
    assert ["has not been let in" in told[0], "has ended" in told[1]] == [True, True]


def test_neither_the_operators_nor_anybody_elses_token_opens_the_console(tmp_path: Path) -> None:
    with opened(tmp_path, token=TOKEN, operator_token=OPERATOR) as it:
        agent = ask(
            it, "POST", "/api/operator/agents", {"agent": "a"}, {"Authorization": f"Bearer {OPERATOR}"}
        ).json
        for token in (TOKEN, OPERATOR, agent["token"]):
            assert it.page("skills", None, Authorization=f"Bearer {token}").code == "console_locked"
        assert ask(it, "GET", "/console/").status == 200
        assert ask(it, "GET", "/api/skills").code == "unauthorized"
        key = it.let_in()
        assert ask(it, "GET", "/api/skills?all=1", headers={"X-Console-Key": key}).status == 200


def test_the_session_is_the_operator_below_api_and_nobody_on_other_routes(console: Opened, key: str) -> None:
    assert ask(console, "GET", "/api/operator/attention", headers={"X-Console-Key": key}).status == 200
    assert ask(console, "GET", "/api/operator/attention").code == "not_allowed"
    refused = ask(console, "GET", "/api/skills", headers={"X-Console-Key": "made-up"})
    assert (refused.status, refused.code) == (401, "console_locked")


def test_the_key_is_no_proof_for_mcp(tmp_path: Path) -> None:
    with opened(tmp_path, token=TOKEN) as it:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        assert ask(it, "POST", "/mcp", body, {"X-Console-Key": it.let_in()}).code == "unauthorized"


def test_every_address_answers_the_same_shell_without_data(console: Opened) -> None:
    shells = {ask(console, "GET", f"/console/{path}").body for path in ("", "skills", "activity", "nowhere")}
    assert len(shells) == 1
    (shell,) = shells
    assert len(shell) < 1100
    deeper = ask(console, "GET", "/console/skills/forms/try?utility=look")
    assert deeper.body == shell.replace(b'"./static', b'"../../static')
    assert ask(console, "GET", "/console").headers["location"] == "console/"


def test_the_shell_and_the_pages_carry_the_policy(console: Opened, key: str) -> None:
    for answer in (ask(console, "GET", "/console/"), console.page("skills", key)):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "require-trusted-types-for 'script'; trusted-types console" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")


def test_files_are_kept_by_browsers_under_their_hash_and_gone_under_another(console: Opened) -> None:
    shell = ask(console, "GET", "/console/").body.decode()
    script = shell.partition('src="./')[2].partition('"')[0]
    found = ask(console, "GET", f"/console/{script}")
    assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert found.headers["content-type"].startswith("text/javascript")
    assert ask(console, "GET", "/console/static/0123456789abcdef/console.js").code == "not_found"


def test_a_link_works_once_and_its_second_use_ends_the_session(console: Opened) -> None:
    ticket = Tickets(console.home).make()
    key = console.enter(ticket=ticket).json["key"]
    assert console.page("skills", key).status == 200
    again = console.enter(ticket=ticket)
    assert (again.status, again.code) == (401, "console_locked")
    assert "used twice" in again.json["error"]
    assert console.page("skills", key).code == "console_locked"


def test_of_many_that_use_a_link_at_once_one_wins(tmp_path: Path) -> None:
    tickets = Tickets(tmp_path)
    for _ in range(100):
        ticket, won = tickets.make(), list[bool]()
        racing = [
            threading.Thread(target=lambda t=ticket, w=won: w.append(Tickets(tmp_path).take(t))) for _ in range(2)
        ]
        for each in racing:
            each.start()
        for each in racing:
            each.join()
        assert sorted(won) == [False, True]
    assert list(tmp_path.iterdir()) == []


def test_a_link_works_for_a_minute_and_old_ones_are_swept(tmp_path: Path) -> None:
    now = [time()]
    tickets = Tickets(tmp_path, clock=lambda: now[0])
    old, older = tickets.make(), tickets.make()
    made = next(tmp_path.iterdir()).lstat()
    assert (made.st_mode & 0o777, made.st_size) == (0o600, 0)
    now[0] = made.st_mtime + LIFE + 1
    assert tickets.take(old) is False
    assert tickets.waits(older)
    tickets.make()
    assert not tickets.waits(older)
    assert [tickets.take(odd) for odd in ("", "../" * 10 + "aa", "x" * 33, "é" * 32)] == [False] * 4


def test_a_session_ends_when_it_is_idle_or_old(tmp_path: Path) -> None:
    now = [1_000_000.0]
    file = PrivateFile(tmp_path / "console.json")
    sessions = Sessions(file, clock=lambda: now[0])
    idle, used = sessions.begin("a"), sessions.begin("b")
    while now[0] < 1_000_000 + LONGEST - IDLE / 2:
        now[0] += IDLE / 2
        assert sessions.label_of(used) == "b"
    assert sessions.label_of(idle) is None
    now[0] = 1_000_000 + LONGEST + 1
    assert sessions.label_of(used) is None


def test_a_clock_that_is_put_back_keeps_no_session_for_longer(tmp_path: Path) -> None:
    now = [1_000_000.0]
    sessions = Sessions(PrivateFile(tmp_path / "console.json"), clock=lambda: now[0])
    key = sessions.begin("a")
    now[0] -= 60
    assert sessions.label_of(key) == "a"
    now[0] -= IDLE
    assert sessions.label_of(key) is None


def test_sessions_are_kept_as_hashes_and_known_to_the_next_server(tmp_path: Path) -> None:
    with opened(tmp_path) as it:
        key = it.let_in()
        kept = (it.home / "console.json").read_text()
        assert key not in kept
        assert (it.home / "console.json").stat().st_mode & 0o777 == 0o600
    with opened(tmp_path) as it:
        assert it.page("skills", key).status == 200
        assert ask(it, "DELETE", "/console/session", headers={"X-Console-Key": key}).status == 204
        assert it.page("skills", key).code == "console_locked"


def test_a_changed_operator_token_and_end_lock_every_browser(tmp_path: Path) -> None:
    file = PrivateFile(tmp_path / "console.json")
    key = Sessions(file, "first-token").begin("a")
    assert Sessions(file, "first-token").label_of(key) == "a"
    assert Sessions(file, "other-token").label_of(key) is None
    assert Sessions(file).end_all() == 1
    assert Sessions(file, "first-token").label_of(key) is None


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"version": 1, "sessions": [{}]}', b'{"version": 9, "sessions": []}']
)
def test_a_file_of_sessions_that_is_not_ours_lets_nobody_in(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "console.json"
    key = Sessions(PrivateFile(file)).begin("a")
    file.write_bytes(text)
    assert Sessions(PrivateFile(file)).label_of(key) is None


def test_a_tab_may_be_led_to_the_console_from_anywhere_and_nothing_else_may(console: Opened, key: str) -> None:
    assert ask(console, "GET", "/console/skills", headers=CROSS_SITE).status == 200
    other = [
        ("GET", "/api/skills", CROSS_SITE),
        ("GET", "/console/skills", CROSS_SITE | {"Sec-Fetch-Dest": "iframe"}),
        ("GET", "/console/skills", CROSS_SITE | {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}),
        (
            "GET",
            "/console/skills",
            {"Sec-Fetch-Site": "same-site", "X-Console-Key": key, "Accept": "text/x-fragment"},
        ),
        ("POST", "/console/session", CROSS_SITE),
        ("GET", "/console/skills", CROSS_SITE | {"Origin": "http://127.0.0.1:9"}),
        ("GET", "/consolers", CROSS_SITE),
    ]
    assert {ask(console, method, path, headers=headers).code for method, path, headers in other} == {
        "forbidden_origin"
    }


def test_a_wrong_host_is_answered_nothing(console: Opened) -> None:
    assert ask(console, "GET", "/console/", headers={"Host": "rebound.example"}).code == "misdirected_host"


def at_host(it: Opened, host: str, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", it.port, timeout=20)
    data = None if body is None else json.dumps(body)
    connection.request(method, path, data, {"Host": host, "Content-Type": "application/json", **headers})
    with connection.getresponse() as answer:
        told = json.loads(answer.read() or b"{}")
    connection.close()
    return answer.status, told


def test_over_plain_http_from_another_machine_it_stays_locked_and_says_what_to_do(tmp_path: Path) -> None:
    with opened(tmp_path, allowed_hosts=("box",)) as it:
        key = it.let_in()
        status, told = at_host(it, "box", "GET", "/console/", Accept="text/x-fragment", **{"X-Console-Key": key})
        assert (status, told["code"]) == (401, "console_locked")
        assert f"ssh -L {it.port}:127.0.0.1:{it.port}" in told["error"]
        ticket = Tickets(it.home).make()
        assert at_host(it, "box", "POST", "/console/session", {"ticket": ticket})[0] == 401
        assert it.enter(ticket=ticket).status == 200


def test_behind_tls_the_operators_token_opens_it_five_times_a_minute(tmp_path: Path) -> None:
    with opened(tmp_path, console_origin="https://agents.example.com", operator_token=OPERATOR) as it:
        name = "agents.example.com"
        locked = at_host(it, name, "GET", "/console/", Accept="text/x-fragment")[1]
        assert locked["takes_token"]
        status, told = at_host(it, name, "POST", "/console/session", {"token": OPERATOR})
        assert status == 200
        with_key = {"Accept": "text/x-fragment", "X-Console-Key": told["key"]}
        assert ask(it, "GET", "/console/skills", headers={"Host": name, **with_key}).status == 200
        tries = [at_host(it, name, "POST", "/console/session", {"token": "wrong"})[0] for _ in range(5)]
        assert tries == [401, 401, 401, 401, 429]
        assert it.enter(token=OPERATOR).code == "console_locked"


@pytest.mark.parametrize("body", [[], {}, {"ticket": 7}, {"token": None}, "x"])
def test_what_is_no_ticket_is_refused_as_such(console: Opened, body: object) -> None:
    assert ask(console, "POST", "/console/session", body).code == "invalid_json"


def command(folder: Path, environ: dict[str, str], *flags: str) -> Done:
    return Console(folder / "home", folder / "skills").run("console", *flags, **environ)


def test_the_command_prints_a_link_that_lets_in(console: Opened, tmp_path: Path) -> None:
    environ = {"AGENTOS_HOME": str(console.home), "AGENTOS_PORT": str(console.port)}
    done = command(tmp_path, environ, "--print")
    assert done.code == 0
    link = done.out.strip()
    assert link.startswith(f"{console.url}login#")
    assert console.enter(ticket=link.partition("#")[2]).status == 200


def test_the_command_ends_all_sessions_and_says_how_many(tmp_path: Path) -> None:
    with opened(tmp_path) as it:
        key = it.let_in()
        done = command(tmp_path, {"AGENTOS_HOME": str(it.home)}, "--end")
        assert (done.code, done.out.strip()) == (0, "Ended 1 session of the console.")
        assert it.page("skills", key).code == "console_locked"


def test_without_a_server_the_command_says_how_to_start_one(tmp_path: Path) -> None:
    done = command(tmp_path, {"AGENTOS_HOME": str(tmp_path / "home"), "AGENTOS_PORT": "1"}, "--print")
    assert done.code == 1
    assert "agentos serve" in done.err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
            "Chrome 156 on Linux",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 (KHTML) Version/18.1 Safari/605",
            "Safari 18 on macOS",
        ),
        ("Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140 on Windows"),
        ("curl/8 \x1b[31m", "a browser"),
    ],
)
def test_a_browser_is_named_in_words_that_nobody_can_choose(agent: str, label: str) -> None:
    assert browser_label(agent) == label
