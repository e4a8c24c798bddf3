"""What every command has in common, and the ones that only look."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from agentos_runtime.cli.main import run
from tests.cli.console import SCRIPT, Console, started
from tests.cli.reference import REFERENCE, commands, help_of, reference
from tests.cli.skills import CANARY, LOGIN, TOY
from tests.toy.raw import Toy, answer_json


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help_with_an_example_and_speaks_json(command: str) -> None:
    text = help_of(command)
    assert "Example:\n  " in text or "Example:\n    " in text
    assert "--json" in text or text.count("Commands:") == 1


def test_the_documented_commands_are_the_commands() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == reference()


def test_light_commands_do_not_load_what_they_do_not_need(console: Console) -> None:
    for command in ("--help", "keys list", "activity"):
        script = f"""
import sys
from agentos_runtime.cli.main import run
run({command.split()!r}, {{"AGENTOS_HOME": {str(console.home)!r}}})
loaded = {{name.partition(".")[0] for name in sys.modules}}
print(*sorted(loaded & {{"httptools", "httpx", "uvicorn", "yaml"}}), file=sys.stderr)
"""
        done = subprocess.run([SCRIPT[0], "-c", script], capture_output=True, text=True, timeout=60)
        assert done.stderr == "\n", command


@pytest.mark.slow
def test_commands_that_only_look_at_skills_load_no_client_or_server_and_start_no_worker(
    console: Console,
) -> None:
    for command in ("list", "show openrouter"):
        script = f"""
import subprocess, sys
from agentos_runtime.cli.main import run
def refused(*arguments, **options):
    raise AssertionError("a process was started")
subprocess.Popen = refused
run({command.split()!r}, {{"AGENTOS_HOME": {str(console.home)!r}}})
loaded = {{name.partition(".")[0] for name in sys.modules}}
heavy = {{"httptools", "httpx", "uvicorn", "starlette", "keyring", "jsonschema", "graphql"}}
print(*sorted(loaded & heavy), file=sys.stderr)
"""
        done = subprocess.run([SCRIPT[0], "-c", script], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "\n"), command
        assert "openrouter" in done.stdout.lower()


@pytest.mark.slow
def test_skills_that_were_looked_at_before_are_not_read_again_and_little_is_loaded_for_it(console: Console) -> None:
    console.home.mkdir(mode=0o700, exist_ok=True)
    script = f"""
import sys
from agentos_runtime.cli.main import run
run(["list"], {{"AGENTOS_HOME": {str(console.home)!r}}})
ours = [name for name in sys.modules if name.startswith("agentos_runtime.")]
print("yaml" in sys.modules, len(ours), len(sys.modules), file=sys.stderr)
"""
    command = [SCRIPT[0], "-c", script]
    first, second = (subprocess.run(command, capture_output=True, text=True, timeout=60) for _ in range(2))
    assert first.stdout == second.stdout
    assert first.stderr.startswith("True")
    read, ours, every = second.stderr.split()
    assert (read, int(ours) <= 120, int(every) <= 390) == ("False", True, True), second.stderr


@pytest.mark.slow
def test_what_was_looked_at_before_there_is_a_home_is_not_read_again_either(console: Console) -> None:
    home = console.home / "never"
    script = f"""
import sys
from agentos_runtime.cli.main import run
run(["list"], {{"AGENTOS_HOME": {str(home)!r}, "HOME": {str(home.parent.parent)!r}}})
print("yaml" in sys.modules, file=sys.stderr)
"""
    command = [SCRIPT[0], "-c", script]
    done = [subprocess.run(command, capture_output=True, text=True, timeout=60) for _ in range(2)]
    assert done[0].stdout == done[1].stdout
    assert [each.stderr for each in done] == ["True\n", "False\n"]
    assert not home.exists()


def test_a_server_loads_nothing_that_only_new_texts_or_other_requests_than_calls_need() -> None:
    script = """
import sys
import agentos_runtime.cli.serve, agentos_runtime.cli.serving.server
late = ("yaml", "jsonschema", "agentos_runtime.manifest.load", "agentos_runtime.manifest.secrets.shapes",
        "agentos_runtime.jq.compiled.building", "agentos_runtime.jq.compiled.language.parser",
        "agentos_runtime.server.routes.table", "agentos_runtime.mcp.methods", "agentos_runtime.proxy.service",
        "agentos_runtime.openapi.document", "starlette.requests", "starlette.routing", "importlib.metadata",
        "zoneinfo")
print(*[name for name in late if name in sys.modules])
"""
    done = subprocess.run([SCRIPT[0], "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_a_server_loads_what_only_simulations_need_when_it_is_one(console: Console) -> None:
    script = f"""
import sys
from agentos_runtime.cli.main import run
run(["serve", "--help"], {{"AGENTOS_HOME": {str(console.home)!r}}})
print(*sorted({{"uvicorn", "jsonschema"}} & sys.modules.keys()), file=sys.stderr)
"""
    done = subprocess.run([SCRIPT[0], "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stderr == "uvicorn\n"


@pytest.mark.parametrize(
    ("args", "environ", "code", "words"),
    [
        (["nonsense"], {}, 2, "No such command"),
        (["list", "--nonsense"], {}, 2, "No such option"),
        (["list"], {"AGENTOS_PORT": "many"}, 2, "port (from AGENTOS_PORT) cannot be used: a port is"),
        (["list"], {"AGENTOS_MAX_BODY": "much"}, 2, "max_body (from AGENTOS_MAX_BODY) cannot be used: must be"),
        (["list"], {"AGENTOS_REWRITE": "elsewhere"}, 2, "rewrite (from AGENTOS_REWRITE) cannot be used: write it"),
        (["serve"], {"AGENTOS_HOST": "0.0.0.0"}, 2, "set AGENTOS_TOKEN"),
        (["activity", "--since", "soon"], {}, 2, "a duration"),
        (["show", "nothing"], {}, 1, "There is no skill"),
    ],
)
def test_wrong_usage_is_2_and_failure_is_1_with_a_sentence_on_stderr(
    console: Console,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    environ: dict[str, str],
    code: int,
    words: str,
) -> None:
    assert run(args, console.environ | environ) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err


def test_a_bug_is_a_sentence_and_not_a_traceback(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    class Broken(dict[str, str]):
        def get(self, *_: object) -> str:
            if _ and str(_[0]).startswith("AGENTOS"):
                raise ZeroDivisionError("canary")
            return ""

    assert run(["keys", "list"], Broken()) == 1
    err = capsys.readouterr().err
    assert "bug of agentos: ZeroDivisionError" in err
    assert "canary" not in err
    assert "Traceback" not in err


def test_a_reader_that_leaves_is_no_drama(console: Console) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for args in (["--help"], ["show", "toy", "echo"]):
        done = subprocess.run(
            [*SCRIPT, *args], stdout=writer, stderr=subprocess.PIPE, env=console.environ, timeout=60
        )
        assert (done.returncode, done.stderr) == (1, b"")
    os.close(writer)


@pytest.mark.slow
def test_interrupting_is_quiet(console: Console) -> None:
    done = console.asked({"Toy key: ": "\x03"}, "keys", "set", "toy")
    assert done.code == 130
    assert "Traceback" not in done.out


def test_colours_are_for_terminals_that_want_them(console: Console) -> None:
    assert "\x1b[" in console.on_terminal("list").out
    assert "\x1b[" not in console.on_terminal("list", NO_COLOR="1").out
    assert "\x1b[" not in console.run("list").out


def test_the_list_searches_and_says_what_to_do_next(console: Console) -> None:
    console.write("login.md", LOGIN)
    console.write("bad.md", LOGIN.replace("id: login", "id: sick").replace("rest:", "rst:"))
    listed = console.run("list")
    assert re.search(r"^login +needs_credential +1 +A service with a user", listed.out, re.MULTILINE)
    assert "needs_credential: login, toy. Run: agentos keys set login" in listed.out
    assert "broken: sick. Run: agentos check" in listed.out
    assert [each["id"] for each in console.run("list", "send", "back", "--json").json["skills"]] == ["toy"]
    assert "No skill matches" in console.run("list", "unheard-of").out


def test_show_tells_params_reply_and_what_the_skill_may_do(console: Console) -> None:
    skill = console.run("show", "toy")
    assert re.search(r"POST +https://toy.example +the key in header x-key +nobody yet", skill.out)
    assert "get one at https://toy.example/keys" in skill.out
    utility = console.run("show", "toy", "echo")
    assert re.search(r"^  text +string +required +What to send$", utility.out, re.MULTILINE)
    assert re.search(r"^  count +integer, 1 to 9 +2$", utility.out, re.MULTILINE)
    assert re.search(r"^  tags +array of string$", utility.out, re.MULTILINE)
    assert re.search(r"^  mode +string +One of slow, fast.$", utility.out, re.MULTILINE)
    assert re.search(r"^  said +string +What was said$", utility.out, re.MULTILINE)
    assert "bytes, as the upstream sends them" in console.run("show", "toy", "picture").out
    assert console.run("show", "toy", "echo", "--json").json["params"]["required"] == ["text"]


def test_a_manifest_cannot_steer_the_terminal(console: Console) -> None:
    console.write("toy/readme.md", TOY.replace("A service for tests", '"evil \\e]0;title\\a text"'))
    for args in (["list"], ["show", "toy"], ["check"]):
        done = console.run(*args)
        assert "\x1b" not in done.out + done.err, args


def test_activity_and_usage_are_read_without_a_server(console: Console) -> None:
    assert "No calls yet" in console.run("activity").out
    with Toy(answer_json({"data": {"text": "hi"}}), answer_json({}, 500)) as toy:
        environ = {"AGENTOS_REWRITE": f"https://toy.example={toy.origin}", "TOY_API_KEY": CANARY}
        console.run("call", "toy", "echo", "text=x", "--agent", "ann", **environ)
        console.run("call", "toy", "echo", "text=x", **environ)
    rows = console.run("activity", "--json").json["rows"]
    assert [(row["agent"], row["outcome"]) for row in rows] == [("agentos-cli", "error"), ("ann", "ok")]
    assert [row["agent"] for row in console.run("activity", "--agent", "ann", "--json").json["rows"]] == ["ann"]
    assert "error (upstream_failed)" in console.run("activity", "--outcome", "error").out
    assert [row["calls"] for row in console.run("usage", "--by", "agent", "--json").json["rows"]] == [1, 1]
    assert re.search(r"^ann +1 +0", console.run("usage", "--by", "agent", "--since", "1h").out, re.MULTILINE)
    assert console.run("usage", "--by", "colour").code == 2


def test_activity_can_be_followed(console: Console) -> None:
    command = [*SCRIPT, "activity", "--follow", "--json"]
    with started(command, console.environ) as follower:
        assert follower.stdout is not None
        console.run("call", "toy", "echo", "text=x", "--agent", "ann")
        assert '"agent":"ann"' in follower.stdout.readline()
        follower.send_signal(2)
        follower.wait(60)
    assert follower.returncode == 130


def test_the_doctor_knows_settings_files_workers_skills_and_the_server(console: Console) -> None:
    console.write("login.md", LOGIN)
    done = console.run("doctor", "--json", AGENTOS_TOKEN=CANARY)
    findings = {each["name"]: each for each in done.json["findings"]}
    assert done.code == 0, done.out
    assert findings["workers"]["text"].startswith("jq 1.")
    assert "agentos keys set login" in findings["skill login"]["text"]
    assert findings["server"]["state"] == "note"
    settings = {each["name"]: each for each in done.json["settings"]}
    assert (settings["port"]["value"], settings["port"]["source"]) == ("1", "AGENTOS_PORT")
    assert settings["token"]["value"] == "set, not shown"
    console.write("toy/readme.md", TOY.replace("transform:", "transfrm:"))
    (console.home / "credentials.json").touch(0o644)
    with console.serving():
        sick = console.run("doctor")
    assert sick.code == 1
    assert "chmod 600" in sick.out
    assert re.search(r"wrong  skill toy: .*transfrm", sick.out)
    assert re.search(r"ok  server: answers at http://127.0.0.1:", sick.out)


def test_serve_says_where_it_is_what_is_broken_and_why_it_cannot_listen(console: Console) -> None:
    console.write("login.md", LOGIN.replace("rest:", "rst:").replace("\nname:", "\ncolour: red\nname:"))
    with console.serving() as url:
        taken = console.run("serve", "--port", url.rpartition(":")[2])
        assert taken.code == 2
        assert "choose another AGENTOS_PORT" in taken.err
    command = [*SCRIPT, "serve", "--port", "0"]
    with started(command, console.environ) as server:
        assert server.stdout is not None
        assert re.fullmatch(r"agentos [\d.]+ at http://127\.0\.0\.1:\d+\n", server.stdout.readline())
        assert server.stdout.readline().startswith("1 skill loaded, 1 broken.")
        server.send_signal(15)
        _, err = server.communicate(timeout=60)
    assert server.returncode == 0
    assert "the skill login is broken" in err
    assert "login.md:10:5: `rst` is not a key" in err


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("agentos ch", ["check"]),
        ("agentos keys ap", ["approve"]),
        ("agentos call t", ["toy"]),
        ("agentos show toy e", ["echo"]),
        ("agentos call toy ", ["echo", "picture"]),
    ],
)
def test_bash_completes_commands_skills_and_utilities(
    console: Console, tmp_path: Path, typed: str, offered: list[str]
) -> None:
    shim = tmp_path / "agentos"
    shim.write_text(f"#!/bin/sh\nexec {SCRIPT[0]} -c '{SCRIPT[2]}' \"$@\"\n")
    shim.chmod(0o755)
    script = console.run("completion", "bash").out
    words = typed.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    asked = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _agentos_completion agentos"
    ask = f'{script}\n{asked}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", ask], env=console.environ | {"PATH": path}, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == offered, done.stderr


def test_completion_scripts_exist_for_zsh_and_fish(console: Console) -> None:
    assert "#compdef agentos" in console.run("completion", "zsh").out
    assert "complete --no-files --command agentos" in console.run("completion", "fish").out
    assert console.run("completion", "csh").code == 2
