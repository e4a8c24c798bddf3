"""`agentos service`: the server as a service of this user, of systemd or launchd."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import click

from agentos_runtime.cli.lazy import LazyGroup
from agentos_runtime.cli.terminal.output import plain, print_json, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.skills.imported_files import replace_files

NAME = "agentos"
LABEL = "dev.agentos.runtime"
SECONDS = 60.0
COMMANDS: Mapping[str, tuple[str, str]] = {
    "install": ("first_steps.service:install", "Write the service, and start it."),
    "remove": ("first_steps.service:remove", "Stop the service, and take it away."),
}
_SYSTEMD = """\
[Unit]
Description=agentos-runtime: skills over HTTP
After=network.target

[Service]
ExecStart={command}
Restart=on-failure
KillMode=mixed
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""
_LAUNCHD = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>{label}</string>
  <key>ProgramArguments</key>
  <array>
{words}
  </array>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>Umask</key><integer>63</integer>
</dict>
</plist>
"""


@dataclass(frozen=True, slots=True)
class Manager:
    """What runs services of a user here: its file, and what is run to start, stop and look."""

    name: str
    file: Path
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]
    after: tuple[tuple[str, ...], ...]
    """Once the file is gone."""
    look: str


@click.group(cls=LazyGroup, lazy=COMMANDS)
def service() -> None:
    """Run the server whenever you are logged in: a user's service of systemd, or of launchd.

    \b
    Example:
      agentos service install
      agentos service remove
    """


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="The port. [AGENTOS_PORT]")
@click.option("--no-start", is_flag=True, help="Only write the file.")
@home_options
@json_option
@pass_shell
def install(
    shell: Shell, port: int | None, no_start: bool, home: str | None, skills: tuple[str, ...], as_json: bool
) -> None:
    """Write the service and start it. It runs with the home, the folders of skills and the port that count now.

    Keys in your environment do not reach it: store them with `agentos keys set`. Nothing secret is written.

    \b
    Example:
      agentos service install
      agentos service install --port 8080 --no-start
    """
    settings = shell.settings(home=home, skills=skills, port=str(port) if port else None)
    words = [sys.executable, "-m", "agentos_runtime", "serve", "--home", str(settings.home.absolute())]
    words += ["--port", str(settings.port)]
    for folder in settings.skills:
        words += ["--skills", str(folder.absolute())]
    words += ["--only-skills"] if settings.only_skills else []
    manager = _manager(shell)
    try:
        replace_files({manager.file: _text(manager, words)})
    except OSError as error:
        raise Failed(f"{manager.file} cannot be written: {error.strerror}.") from None
    started = not no_start and _all_done(shell, manager.start)
    if as_json:
        print_json(_shown(manager) | {"started": started})
        return
    say(f"Wrote {plain(str(manager.file))}")
    if manager.name == "launchd":
        say("This was written by launchd's documentation, and not tested on a Mac: please say how it went.")
    if started:
        say(f"It runs, at http://127.0.0.1:{settings.port}. Look: {manager.look}")
    else:
        say(f"Start it: {' && '.join(' '.join(words) for words in manager.start)}")


@click.command()
@json_option
@pass_shell
def remove(shell: Shell, as_json: bool) -> None:
    """Stop the service and take its file away. Keys, skills and activity stay.

    \b
    Example:
      agentos service remove
    """
    manager = _manager(shell)
    if not manager.file.exists():
        raise Failed(f"There is no service: {manager.file} is not there.")
    _all_done(shell, manager.stop)
    manager.file.unlink()
    _all_done(shell, manager.after)
    if as_json:
        print_json(_shown(manager) | {"removed": True})
    else:
        say(f"Removed {plain(str(manager.file))}")


def _shown(manager: Manager) -> dict[str, Json]:
    return {"manager": manager.name, "file": str(manager.file)}


def _manager(shell: Shell) -> Manager:
    """Raises Failed when nobody knows where a user's services lie."""
    home = shell.environ.get("HOME")
    if not home:
        raise Failed("HOME is not set, so nobody knows where your services lie.")
    if sys.platform == "darwin":
        file = Path(home) / "Library/LaunchAgents" / f"{LABEL}.plist"
        domain = f"gui/{os.getuid()}"
        start, stop = ("launchctl", "bootstrap", domain, str(file)), ("launchctl", "bootout", f"{domain}/{LABEL}")
        return Manager("launchd", file, (start,), (stop,), (), f"launchctl print {domain}/{LABEL}")
    config = Path(shell.environ.get("XDG_CONFIG_HOME") or Path(home) / ".config")
    user = ("systemctl", "--user")
    return Manager(
        "systemd",
        config / "systemd/user" / f"{NAME}.service",
        ((*user, "daemon-reload"), (*user, "enable", NAME), (*user, "restart", NAME)),
        ((*user, "disable", "--now", NAME),),
        ((*user, "daemon-reload"),),
        f"systemctl --user status {NAME}",
    )


def _text(manager: Manager, words: Sequence[str]) -> str:
    if any("\n" in word for word in words):
        raise Failed("A path with a line break in it cannot stand in a service.")
    if manager.name == "launchd":
        lines = "\n".join(f"    <string>{escape(word)}</string>" for word in words)
        return _LAUNCHD.format(label=LABEL, words=lines)
    return _SYSTEMD.format(command=" ".join(map(_quoted, words)))


def _quoted(word: str) -> str:
    """As systemd reads a word: in quotes, `%` and `$` doubled."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"'


def _all_done(shell: Shell, commands: Sequence[Sequence[str]]) -> bool:
    """Whether all went well; what a command says when not is passed on."""
    for words in commands:
        try:
            done = subprocess.run(  # noqa: S603 - the words are ours
                [*words], env=dict(shell.environ), capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except FileNotFoundError:
            say(f"{words[0]} is not there.", err=True)
            return False
        except subprocess.TimeoutExpired:
            say(f"{' '.join(words)} takes too long.", err=True)
            return False
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["it failed"]
            say(plain(f"{' '.join(words)}: {said[0]}"), err=True)
            return False
    return True
