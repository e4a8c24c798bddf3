"""`agentos login`: the whole way, with a toy service, a browser that follows, and a person who pastes."""

import base64
import json
import shutil
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agentos_runtime.resources import skills_folder
from tests.cli.console import PATIENCE, SCRIPT, Console, Done, started
from tests.login import browser
from tests.login.browser import follow, visit
from tests.login.service import CANARY, Service, serving
from tests.programs import Program

NOBODY = "true %s"
"""A browser that opens nothing: the test goes where it would."""
ROUTER = """\
---
id: router
name: Router
description: A service that is asked as OpenRouter is
auth:
  type: api_key
  header: Authorization
  prefix: "Bearer "
  login:
    authorize_url: https://openrouter.ai/auth
    token_url: https://openrouter.ai/api/v1/auth/keys
    callback: http://localhost:3000/callback
    callback_param: callback_url
    encoding: json
    token_field: key
utilities:
  models:
    description: Which models there are
    rest: {url: https://openrouter.ai/api/v1/models}
---
"""
DEMO = """\
---
id: demo
name: Demo
description: A service to log in at
auth: {{type: oauth, authorize_url: {origin}/auth, token_url: {origin}/token, client_id: me, scopes: [read, write]}}
utilities:
  me:
    description: Who I am
    rest: {{url: {origin}/me}}
---
"""
PLAIN = """\
---
id: plain
name: Plain
description: A service with a key
auth: {type: api_key, header: X-Key}
utilities:
  me:
    description: Who I am
    rest: {url: https://plain.example/me}
---
"""


class Desk(Console):
    """A console for which the toy service is OpenRouter."""

    start: type["subprocess.Popen[bytes]"] = Program

    def at(self, service: Service) -> "Desk":
        self.environ["AGENTOS_REWRITE"] = f"https://openrouter.ai={service.origin}"
        return self

    @contextmanager
    def running(self, *args: str, **environ: str) -> Iterator["Login"]:
        """`agentos login` in a process of its own, at the point where it has shown its address."""
        command = [*SCRIPT, "login", *args]
        pipe = subprocess.PIPE
        environ = self.environ | environ
        with self.start(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, env=environ) as process:
            try:
                login = Login(self, process)
                login.read_address()
                yield login
            finally:
                process.kill()


class Login:
    def __init__(self, desk: Desk, process: subprocess.Popen[bytes]) -> None:
        self._desk = desk
        self.process = process
        self.said = ""
        self.address = ""

    def read_address(self) -> None:
        while not self.address:
            line = self.line()
            assert line, self.said
            self.address = line.strip() if "code_challenge=" in line else ""

    def line(self) -> str:
        """The next one on stderr."""
        assert self.process.stderr is not None
        line = self.process.stderr.readline().decode()
        self.said += line
        return line

    def ends(self, stdin: str = "") -> Done:
        out, err = self.process.communicate(stdin.encode(), timeout=PATIENCE)
        done = Done(self.process.returncode, out.decode(), self.said + err.decode())
        self._desk.seen += [done.out, done.err]
        return done

    def back(self) -> str:
        """Where the service sends the browser."""
        return visit(self.address).headers["location"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "home", tmp_path / "skills")
    made.write("router.md", ROUTER)
    yield made
    assert not any(CANARY in text for text in made.seen)


def kept(desk: Desk) -> list[dict[str, object]]:
    file = desk.home / "credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    entries: list[dict[str, object]] = json.loads(file.read_text())["credentials"]
    return entries


def test_a_browser_logs_in_and_the_key_is_kept_and_used_like_any_other(desk: Desk, tmp_path: Path) -> None:
    seen = tmp_path / "page.html"
    opens = f"{sys.executable} {browser.__file__} {seen} %s"
    desk.environ["AGENTOS_SKILLS"] = str(skills_folder())
    with serving() as service:
        done = desk.at(service).spawn("login", "openrouter", "--json", BROWSER=opens)
        assert done.code == 0, done.err
        listed = desk.run("call", "openrouter", "list_user_models")
        assert listed.code == 0, listed.err
    assert service.calls == [f"Bearer {CANARY}"]
    (entry,) = kept(desk)
    assert (entry["skill"], entry["fields"]) == ("openrouter", {"key": CANARY})
    assert (done.json["source"], done.json["grants"]) == ("credentials.json", entry["grants"])
    assert {grant["origin"] for grant in done.json["grants"]} == {"https://openrouter.ai"}
    assert {grant["placement"] for grant in done.json["grants"]} == {"header:authorization", "use"}
    assert "POST https://openrouter.ai" in done.err
    assert "This page may be closed" in seen.read_text()
    assert CANARY not in seen.read_text()


def test_openrouter_is_asked_as_it_says_and_no_secret_stands_in_any_command_line(desk: Desk) -> None:
    desk.start = subprocess.Popen
    with serving() as service, desk.at(service).running("router", BROWSER=NOBODY) as login:
        assert follow(login.address).status == 200
        assert login.ends().code == 0
    (asked,), ((kind, posted),) = service.asked, service.posted
    assert asked.keys() == {"callback_url", "code_challenge", "code_challenge_method"}
    assert asked["callback_url"].startswith("http://localhost:")
    assert kind == "application/json"
    assert posted.keys() == {"code", "code_verifier", "code_challenge_method"}
    for secret in (CANARY, posted["code"], posted["code_verifier"]):
        assert not any(secret in line for line in service.arguments)
    if sys.platform == "linux":
        assert any("login" in line for line in service.arguments)


def test_an_oauth_2_service_is_asked_as_the_rfc_says(desk: Desk) -> None:
    answer: dict[str, object] = {
        "access_token": CANARY,
        "token_type": "bearer",
        "expires_in": 5184000,
        "scope": "read",
    }
    with serving(answer=answer) as service:
        desk.write("demo/readme.md", DEMO.format(origin=service.origin))
        assert desk.run("approve", "demo", "--yes").code == 0
        with desk.running("demo", BROWSER=NOBODY) as login:
            assert follow(login.address).status == 200
            done = login.ends()
        assert done.code == 0, done.err
        assert desk.run("call", "demo", "me").code == 0
    (asked,), ((kind, posted),) = service.asked, service.posted
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", "me", "read write")
    assert asked["state"] not in asked["redirect_uri"]
    assert kind == "application/x-www-form-urlencoded"
    assert (posted["grant_type"], posted["client_id"]) == ("authorization_code", "me")
    assert posted["redirect_uri"] == asked["redirect_uri"]
    assert service.calls == [f"Bearer {CANARY}"]
    assert "for read, good for 5184000 s: then log in again" in done.out


@pytest.mark.parametrize("how", ["basic", "body"])
def test_a_client_with_a_secret_shows_it_and_keeps_it_for_the_renewals(desk: Desk, how: str) -> None:
    answer: dict[str, object] = {"access_token": CANARY, "refresh_token": f"{CANARY}-refresh"}
    given = {"DEMO_CLIENT_ID": "my-client", "DEMO_CLIENT_SECRET": f"{CANARY}-secret"}
    with serving(answer=answer) as service:
        text = DEMO.format(origin=service.origin).replace("client_id: me", f"client_auth: {how}")
        desk.write("demo/readme.md", text)
        assert desk.run("approve", "demo", "--yes").code == 0
        without = desk.run("login", "demo")
        assert (without.code, "DEMO_CLIENT_ID and DEMO_CLIENT_SECRET" in without.err) == (2, True)
        with desk.running("demo", BROWSER=NOBODY, **given) as login:
            assert follow(login.address).status == 200
            assert login.ends().code == 0
        (entry,) = kept(desk)
        assert isinstance(entry["fields"], dict)
        assert entry["fields"]["client_secret"] == f"{CANARY}-secret"
    (asked,), ((_, posted),) = service.asked, service.posted
    assert asked["client_id"] == "my-client"
    pair = base64.b64encode(f"my-client:{CANARY}-secret".encode()).decode()
    assert service.shown == ([f"Basic {pair}"] if how == "basic" else [None])
    in_body = {"client_id": "my-client", "client_secret": f"{CANARY}-secret"} if how == "body" else {}
    assert {name: text for name, text in posted.items() if name.startswith("client_")} == in_body


@pytest.mark.parametrize("begin", ["http", "localhost", "?code=", "code=", ""])
def test_without_a_browser_the_answer_is_pasted(desk: Desk, begin: str) -> None:
    with serving() as service, desk.at(service).running("router", "--no-browser", BROWSER="false") as login:
        back = login.back()
        assert back.startswith("http://localhost:3000/callback/")
        done = login.ends(back[back.index(begin) if begin else back.index("code=") + 5 :] + "\n")
    assert done.code == 0, done.err
    assert "paste its address, which begins with http://localhost:3000/callback" in done.err
    assert kept(desk)[0]["fields"] == {"key": CANARY}


def test_on_a_terminal_without_a_display_the_answer_is_asked_for_until_it_is_one(desk: Desk) -> None:
    """The code is unknown to the service: what is tested is the question."""
    with serving() as service:
        wrong = {
            "Address or code: ": "http://localhost:3000/callback/wrong?code=abc",
            "does not belong to this login.\r\nAddress or code: ": "hidden-code",
        }
        done = desk.at(service).asked(wrong, "login", "router")
    assert (done.code, len(service.posted)) == (1, 1)
    assert service.posted[0][1]["code"] == "hidden-code"
    assert "gave no key for the code (403)" in done.out
    assert "hidden-code" not in done.out


def test_a_wrong_state_is_refused_and_a_used_answer_opens_nothing(desk: Desk) -> None:
    with serving() as service, desk.at(service).running("router", BROWSER=NOBODY) as login:
        back = login.back()
        parts = urlsplit(back)
        wrong = back.replace(parts.path, "/callback/AAAAAAAAAAAAAAAAAAAAAA")
        assert visit(wrong).status == 400
        assert visit(back).status == 200
        assert login.ends().code == 0
        with pytest.raises(ConnectionError):
            visit(back)
        with desk.running("router", "--no-browser") as again:
            done = again.ends(back)
            assert (done.code, "does not belong to this login" in done.err) == (1, True)
        with desk.running("router", "--no-browser") as again:
            done = again.ends(parts.query.removeprefix("code="))
            assert (done.code, "(403)" in done.err) == (1, True)
    assert len(service.posted) == 2


def test_a_verifier_that_does_not_fit_gets_no_key_and_is_not_told(desk: Desk) -> None:
    with serving(other_challenge=True) as service, desk.at(service).running("router", BROWSER=NOBODY) as login:
        follow(login.address)
        done = login.ends()
    assert done.code == 1
    assert "openrouter.ai gave no key for the code (403): Invalid code [redacted]" in done.err
    assert service.posted[0][1]["code_verifier"] not in done.err
    assert not (desk.home / "credentials.json").exists()


def test_a_login_that_is_denied_says_so(desk: Desk) -> None:
    with serving(deny=True) as service, desk.at(service).running("router", BROWSER=NOBODY) as login:
        assert follow(login.address).status == 200
        done = login.ends()
    assert (done.code, service.posted) == (1, [])
    assert "The login was refused: access_denied The user said no. Nothing was stored." in done.err


def test_a_browser_that_never_comes_back_is_not_waited_for_without_end(desk: Desk) -> None:
    nowhere = "https://openrouter.ai=http://127.0.0.1:1"
    done = desk.spawn("login", "router", "--timeout", "0.2", AGENTOS_REWRITE=nowhere, BROWSER=NOBODY)
    assert (done.code, "Nobody came back from the browser within 0.2 s" in done.err) == (1, True), done.err


def test_a_browser_that_cannot_be_opened_is_told(desk: Desk) -> None:
    with serving() as service, desk.at(service).running("router", BROWSER="false %s") as login:
        assert "no browser could be opened" in login.line()
        follow(login.address)
        assert login.ends().code == 0


def test_an_interrupted_login_stores_nothing(desk: Desk) -> None:
    with serving() as service, desk.at(service).running("router", BROWSER=NOBODY) as login:
        login.process.send_signal(signal.SIGINT)
        assert login.ends().code == 130
    assert not (desk.home / "credentials.json").exists()


def test_two_logins_at_once_and_the_later_key_counts(desk: Desk) -> None:
    with serving(key="first-key-1234") as service:
        with (
            desk.at(service).running("router", BROWSER=NOBODY) as one,
            desk.running("router", BROWSER=NOBODY) as other,
        ):
            assert urlsplit(one.back()).port != urlsplit(other.back()).port
            follow(one.address)
            assert one.ends().code == 0
            assert kept(desk)[0]["fields"] == {"key": "first-key-1234"}
            service.key = CANARY
            follow(other.address)
            done = other.ends()
        assert done.code == 0
        assert "is in use, so the browser comes back to" in done.err
    assert [entry["fields"] for entry in kept(desk)] == [{"key": CANARY}]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"answer": {"token": CANARY}}, "holds no `key`"),
        ({"answer": {"key": 7}}, "holds no `key`"),
        ({"answer": {"ok": False, "error": "invalid_code"}}, "gave no key for the code (200): invalid_code."),
        ({"answer": {"key": f"{CANARY}\n"}}, "Nothing was stored: the key of router holds a line break"),
        ({"status": 307, "answer": {}}, "gave no key for the code (307): it gave no reason"),
        ({"status": 400, "answer": {"error": "invalid_grant", "error_description": "late"}}, "invalid_grant: late"),
    ],
)  # fmt: skip
def test_an_answer_without_a_usable_key_stores_nothing(desk: Desk, how: dict[str, object], words: str) -> None:
    with serving(**how) as service, desk.at(service).running("router", BROWSER=NOBODY) as login:
        follow(login.address)
        done = login.ends()
    assert (done.code, words in done.err) == (1, True), done.err
    assert not (desk.home / "credentials.json").exists()


def test_a_stranger_is_neither_opened_nor_asked_before_it_is_approved(desk: Desk) -> None:
    with serving() as service:
        desk.write("demo/readme.md", DEMO.format(origin=service.origin))
        done = desk.spawn("login", "demo", BROWSER=NOBODY)
        assert (done.code, "agentos approve demo" in done.err) == (1, True), done.err
        assert f"GET {service.origin} to log in" in done.err
        assert "code_challenge" not in done.err
        shown = desk.run("approve", "demo", "--yes").out
        assert "no key; a code, to log in and be given one" in shown
    assert service.asked == []


@pytest.mark.slow
def test_a_copy_of_a_bundled_skill_gets_no_key_for_another_place(desk: Desk) -> None:
    """Its login is the bundled one's, but the key would go elsewhere, and nobody would have seen that."""
    copied = shutil.copytree(skills_folder() / "openrouter", desk.skills / "openrouter") / "readme.md"
    text = copied.read_text(encoding="utf-8")
    copied.write_text(text.replace("base_url: https://openrouter.ai", "base_url: https://evil.example"), "utf-8")
    done = desk.run("login", "openrouter", stdin="code")
    assert (done.code, "https://evil.example" in done.err) == (1, True), done.err
    assert "code_challenge" not in done.err


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("openrouter", "--credential", "nothing"), 2, "has no credential"),
        (("anthropic",), 1, "Store it: agentos keys set anthropic"),
        (("open-meteo",), 1, "needs no key"),
        (("openruter",), 1, "did you mean openrouter"),
        (("openrouter", "--timeout", "0"), 2, "--timeout"),
        (
            ("openrouter", "--no-browser"),
            1,
            "What stands on stdin is not the answer to this login: it holds no code",
        ),
    ],
)
def test_what_cannot_be_logged_in_for_is_said(desk: Desk, args: tuple[str, ...], code: int, words: str) -> None:
    done = desk.run("login", *args, AGENTOS_SKILLS=str(skills_folder()))
    assert (done.code, words in done.err) == (code, True), done.err


def test_an_address_that_is_not_https_is_not_opened(desk: Desk) -> None:
    desk.write("demo/readme.md", DEMO.format(origin="http://service.example"))
    assert desk.run("approve", "demo", "--yes").code == 0
    done = desk.run("login", "demo", stdin="code")
    assert (done.code, "is not https" in done.err) == (1, True), done.err


def test_who_has_to_log_in_is_told_so_everywhere(desk: Desk) -> None:
    desk.write("demo/readme.md", DEMO.format(origin="https://service.example"))
    desk.write("plain.md", PLAIN)
    listed = desk.run("list").out
    assert "needs_credential: demo. Run: agentos login demo\n" in listed
    assert "needs_credential: plain, router. Run: agentos keys set plain\n" in listed
    assert "nowhere. Run: agentos login demo\n" in desk.run("keys", "doctor").out
    assert "Run: agentos login demo (or" in json.loads(desk.run("call", "demo", "me").err)["error"]
    command = [*SCRIPT, "serve", "--port", "0", "--log", "json"]
    with started(command, desk.environ) as process:
        assert process.stderr is not None
        url = json.loads(process.stderr.readline())["url"]
        needs = [json.loads(process.stderr.readline()) for _ in range(2)]
        assert [(each["event"], each["skills"], each["message"]) for each in needs] == [
            ("needs_credential", ["demo"], "Without a login: demo (agentos login SKILL)"),
            ("needs_credential", ["plain", "router"], "Without a key: plain, router (agentos keys set SKILL)"),
        ]
        with urllib.request.urlopen(url, timeout=PATIENCE) as front:
            page = front.read().decode()
        assert "(needs a login: agentos login demo)" in page
        assert "(needs a key: agentos keys set plain)" in page


def test_a_key_with_a_name_of_its_own_is_stored_under_it(desk: Desk) -> None:
    keys = "default: {type: api_key, header: X-A}, bot: {type: api_key, header: X-B}"
    desk.write("plain.md", PLAIN.replace("{type: api_key, header: X-Key}", f"{{credentials: {{{keys}}}}}"))
    missing = " ".join(desk.run("keys", "doctor").out.split())
    assert "nowhere. Run: agentos keys set plain plain bot" in missing
    assert "nowhere. Run: agentos keys set plain --credential bot" in missing


def test_a_call_without_a_key_names_the_login(desk: Desk) -> None:
    done = desk.run("call", "openrouter", "get_key", AGENTOS_SKILLS=str(skills_folder()))
    assert "Run: agentos keys set openrouter, or agentos login openrouter" in json.loads(done.err)["error"]
