"""Examining a home without the command line: what is in order, what is not, and what to do."""

import asyncio
import json
import re
import sqlite3
import subprocess
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.mcp.advice import tools_advice
from agentos_runtime.mcp.toolsets import read_mcp
from agentos_runtime.runtime.home.doctor import HealthReport, KeysReport, examine, examine_keys
from agentos_runtime.runtime.home.findings import Finding
from agentos_runtime.runtime.service import Runtime
from agentos_runtime.security.agents import Caller
from agentos_runtime.security.opening import open_approvals
from agentos_runtime.storage.sqlite.files import NewerFile
from tests.cli.console import Console
from tests.cli.skills import CANARY, LOGIN, TOY

OPERATOR = Caller("doctor", operator=True)


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """A home whose skills are one that has no key and one that is broken; nothing is run in it unless asked."""
    made = Console(tmp_path / "home", tmp_path / "skills")
    made.write("toy/readme.md", TOY)
    made.write("login.md", LOGIN.replace("rest:", "rst:"))
    return made


def examined(environ: dict[str, str]) -> HealthReport:
    settings = Settings.from_environ(environ)
    runtime = open_runtime(settings, environ, watch=False)

    def tools(opened: Runtime) -> str:
        return tools_advice(opened.visible(OPERATOR.agent), read_mcp(settings.mcp, settings.config_file))

    return asyncio.run(examine(settings, open_approvals(settings), runtime, OPERATOR, tools=tools))


def keys(environ: dict[str, str]) -> KeysReport:
    settings = Settings.from_environ(environ)
    runtime = open_runtime(settings, environ, watch=False)
    return asyncio.run(examine_keys(settings, environ, open_approvals(settings), runtime))


def states(report: HealthReport) -> dict[str, str]:
    return {found.name: found.state for found in report.findings}


def test_each_finding_says_how_it_is_and_what_to_do(console: Console) -> None:
    console.home.mkdir()
    (console.home / "credentials.json").touch(0o644)
    report = examined(console.environ | {"AGENTOS_OPERATOR_TOKEN": "boss"})
    found = {each.name: each for each in report.findings}
    assert {name: each.state for name, each in found.items() if name in ("home", "workers", "activity")} == {
        "home": "note", "workers": "fine", "activity": "fine",
    }  # fmt: skip
    assert (found["credentials.json"].state, found["skill login"].state) == ("wrong", "wrong")
    assert "run chmod 600" in found["credentials.json"].text
    assert "Run: agentos check" in found["skill login"].text
    assert (found["operator_token"].state, "openssl rand" in found["operator_token"].text) == ("note", True)
    assert report.wrong


@pytest.mark.parametrize(
    "name", ["agentos.lock", "credentials.json", "agents.json", "limits.db", "idempotency.db", "waiting.db"]
)
def test_a_file_of_the_home_that_is_damaged_is_a_finding(console: Console, name: str) -> None:
    examined(console.environ)  # which makes the home
    assert states(examined(console.environ))[name] == "fine"
    (console.home / name).touch(0o600)
    (console.home / name).write_text('{"version": 1, ' + "x" * 4096)
    found = {each.name: each for each in examined(console.environ).findings}
    assert (found[name].state, str(console.home / name) in found[name].text) == ("wrong", True)


def test_what_a_skill_lacks_is_not_said_of_a_file_that_cannot_be_read(console: Console) -> None:
    assert examined(console.environ).findings
    assert console.run("approve", "toy", "--yes").code == 0
    for name, state in (("credentials.json", "needs_credential"), ("agentos.lock", "needs_approval")):
        file = console.home / name
        before = file.read_bytes() if file.exists() else None
        file.touch(0o600)
        file.write_text('{"version": 1, ')
        environ = {"TOY_API_KEY": CANARY} if name == "agentos.lock" else {}
        listed = console.run("list", **environ).out
        assert re.search(f"^{state}: toy. {file} ", listed, re.MULTILINE), listed
        assert "skill toy" not in states(examined(console.environ | environ))
        file.unlink()
        if before is not None:
            file.write_bytes(before)


def test_a_skill_that_runs_nothing_here_is_called_all_the_same_where_the_rewrite_approves_it(
    console: Console,
) -> None:
    rewrite = {"AGENTOS_REWRITE": "https://toy.example=http://127.0.0.1:9", "TOY_API_KEY": CANARY}
    assert examined(console.environ).findings
    lock = console.home / "agentos.lock"
    lock.touch(0o600)
    lock.write_text('{"version": 1, ')
    assert console.run("list", "--json", **rewrite).json["skills"][-1]["state"] == "ready"


def test_a_runtime_that_cannot_be_opened_is_a_finding(console: Console) -> None:
    console.home.mkdir(mode=0o700)
    with closing(sqlite3.connect(console.home / "limits.db")) as newer:
        newer.execute("PRAGMA user_version = 999")
    report = examined(console.environ)
    found = {each.name: each for each in report.findings}
    assert (found["runtime"].state, "workers" in found, report.wrong) == ("wrong", False, True)
    assert "was written by a newer agentos-runtime" in found["runtime"].text
    with pytest.raises(NewerFile):
        keys(console.environ)


def test_a_runtime_that_is_open_is_examined_as_it_is_and_stays_open(console: Console) -> None:
    settings = Settings.from_environ(console.environ)
    answering = Finding("server", "fine", "it is this one")

    async def server() -> Finding:
        return answering

    async def run() -> tuple[HealthReport, int]:
        async with open_runtime(settings, console.environ, watch=False) as runtime:
            report = await examine(settings, open_approvals(settings), nullcontext(runtime), OPERATOR, server)
            return report, len(runtime.catalog(OPERATOR).entries())

    report, skills = asyncio.run(run())
    assert (skills, answering in report.findings) == (2, True)
    assert {**states(report), "mcp": "fine"} == {**states(examined(console.environ)), "server": "fine"}


def test_no_setting_that_may_hold_a_secret_is_in_the_report(console: Console) -> None:
    secrets = {"AGENTOS_TOKEN": CANARY, "AGENTOS_OPERATOR_TOKEN": CANARY + "2"}
    report = examined(console.environ | secrets)
    shown = {each.name: (each.value, each.source) for each in report.settings}
    assert shown["token"] == ("set, not shown", "AGENTOS_TOKEN")
    assert shown["port"] == ("1", "AGENTOS_PORT")
    assert CANARY not in json.dumps(report.as_json())


def test_each_key_is_told_with_its_place_and_never_with_its_value(console: Console) -> None:
    assert [(each.skill, each.source, each.variables) for each in keys(console.environ).keys] == [
        ("toy", None, ("TOY_API_KEY",))
    ]
    report = keys(console.environ | {"TOY_API_KEY": CANARY})
    assert [each.source for each in report.keys] == ["environment TOY_API_KEY"]
    assert (report.wrong, CANARY in json.dumps(report.as_json())) == (False, False)
    (console.home / "credentials.json").touch(0o644)
    report = keys(console.environ)
    assert report.wrong
    assert "chmod 600" in str(report.keys[0].problem)


def test_the_command_line_prints_the_very_reports(console: Console) -> None:
    examined(console.environ)  # which makes the home
    report = examined(console.environ).as_json()
    shown = console.run("doctor", "--json").json
    assert shown["settings"] == report["settings"]
    assert [each for each in shown["findings"] if each["name"] != "server"] == report["findings"]
    assert console.run("keys", "doctor", "--json").json == keys(console.environ).as_json()


def test_a_proxy_of_other_programs_that_means_nothing_here_is_told(console: Console) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "all_proxy"):
        console.environ[name] = "http://who:canary-of-a-proxy@proxy.example:3128"
        said = " ".join(console.run("doctor").out.split())
        assert f"{name} is set and means nothing here" in said
        assert "set AGENTOS_PROXY to the same" in said
        assert "canary-of-a-proxy" not in said
        console.environ["AGENTOS_PROXY"] = console.environ.pop(name)
        assert "means nothing here" not in console.run("doctor").out
        del console.environ["AGENTOS_PROXY"]
    assert "means nothing here" not in console.run("doctor").out


def test_a_file_of_authorities_that_holds_none_is_named(console: Console) -> None:
    (console.home.parent / "empty.pem").touch()
    for path in (console.home / "none.pem", console.home.parent / "empty.pem", console.home.parent):
        console.environ["SSL_CERT_FILE"] = str(path)
        done = console.run("doctor")
        assert (done.code, f"SSL_CERT_FILE names {path}" in " ".join(done.out.split())) == (1, True), done.out
    some = console.home.parent / "some.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=toy -keyout"
    subprocess.run([*command.split(), f"{some}.key", "-out", some], check=True, capture_output=True)
    console.environ["SSL_CERT_FILE"] = str(some)
    assert "SSL_CERT_FILE names" not in console.run("doctor").out
