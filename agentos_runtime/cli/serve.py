"""`agentos serve`."""

import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import click

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.cli.lazy import load
from agentos_runtime.cli.terminal.output import plain, print_json, say, style
from agentos_runtime.cli.terminal.shell import OPERATOR, Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime import Runtime
from agentos_runtime.server.lifecycle.processes import Inherited, Processes
from agentos_runtime.server.server import address, listen, run
from agentos_runtime.skills.opening import UNUSABLE
from agentos_runtime.storage.private_files import make_private_folder
from agentos_runtime.version import __version__


@click.command()
@click.option("--host", help="The address to listen on; others than loopback need AGENTOS_TOKEN. [AGENTOS_HOST]")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 is any free one. [AGENTOS_PORT]")
@click.option(
    "--rewrite",
    multiple=True,
    metavar="ORIGIN=URL",
    help="Send calls for an origin elsewhere; may be repeated. [AGENTOS_REWRITE]",
)
@click.option(
    "--processes", type=click.IntRange(1, 64), default=1, help="Server processes that share the port and the home."
)
@click.option("--inherit", hidden=True)
@click.option("--simulate", is_flag=True, help="Answer from the skills' cases: no network, no key, no cost.")
@home_options
@json_option
@pass_shell
def serve(
    shell: Shell, /, as_json: bool, simulate: bool, processes: int, inherit: str | None, **flags: Any
) -> None:
    """Serve every utility at POST /api/skills/SKILL/UTILITY until Ctrl-C. An edited skill is live at once.

    With --simulate nothing leaves this machine and nothing is kept: activity goes to a folder that is removed
    at the end, unless --home names one.

    \b
    Example:
      agentos serve
      agentos serve --port 8080 --skills my-skills
      agentos serve --simulate
    """
    if flags["port"] is not None:
        flags["port"] = str(flags["port"])
    settings = shell.settings(**flags | {"rewrite": ",".join(flags["rewrite"])})
    elsewhere = load("simulated:home")(settings) if simulate and not flags["home"] else nullcontext(settings)
    try:
        with elsewhere as given:
            _warn(make_private_folder(given.home))
            if processes > 1:
                _serve_with(processes, shell, given, _child_command(given, simulate), as_json)
            else:
                _Server(shell, given, as_json, simulate).run(inherit)
    except UNUSABLE as error:
        raise Failed(str(error)) from None


class _Server:
    """Serves, and says when it is ready and with what."""

    def __init__(self, shell: Shell, settings: Settings, as_json: bool, simulate: bool) -> None:
        self._shell = shell
        self._settings = settings
        self._as_json = as_json
        self._simulate = simulate
        self._entries: list[Any] = []
        self._loading = 0
        self._stores: list[Any] = []

    def run(self, inherit: str | None) -> None:
        if inherit is None:
            run(self._opened, self._settings, ready=self._say_ready, notice=_warn)
            return
        inherited = Inherited.of(inherit)
        run(
            self._opened,
            self._settings,
            ready=lambda _: inherited.say_ready(),
            notice=lambda _: None,
            inherited=inherited,
        )

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Runtime]:
        dependencies = load("simulated:dependencies")(self._stores, self._settings.home) if self._simulate else None
        async with open_runtime(self._settings, self._shell.environ, dependencies=dependencies) as runtime:
            catalog = runtime.catalog(OPERATOR, everything=True)
            self._entries, self._loading = catalog.entries(), len(catalog.loading())
            _warn(runtime.ledger.degraded)
            yield runtime

    def _say_ready(self, url: str) -> None:
        broken = [entry for entry in self._entries if entry["state"] == "broken"]
        loaded = len(self._entries) - len(broken)
        if self._as_json:
            skills: dict[str, Json] = {"loaded": loaded, "broken": len(broken)}
            skills |= {"loading": self._loading} if self._loading else {}
            ready: dict[str, Json] = {"url": url, "version": __version__, "skills": skills}
            home: dict[str, Json] = {"simulated": True, "home": str(self._settings.home)} if self._simulate else {}
            print_json(ready | home, pretty=False)
            return
        say(f"agentos {__version__} at {style(url, bold=True)}")
        still = f", {self._loading} still being loaded" if self._loading else ""
        say(f"{_count(loaded, 'skill')} loaded, {len(broken)} broken{still}. Stop with Ctrl-C.")
        if self._simulate:
            self._say_simulated()
        for entry in broken:
            _warn(_broken(entry))

    def _say_simulated(self) -> None:
        files = [file for store in self._stores for file in store.files()]
        cases = sum(file.case is not None for file in files)
        mark = style("Simulation:", fg="yellow", bold=True)
        say(
            f"{mark} {_count(cases, 'case')} give the answers, keys are made up, nothing leaves this machine. "
            f"Activity goes to {self._settings.home}."
        )
        for file in files:
            if file.case is None:
                _warn(f"a case is broken and left out: {plain(str(file.problems[0]))}")


def _child_command(settings: Settings, simulate: bool) -> list[str]:
    """One of several processes: the same home and skills; everything else it reads from the same environment."""
    command = [sys.executable, "-m", "agentos_runtime", "serve", "--home", str(settings.home)]
    for folder in settings.skills:
        command += ["--skills", str(folder)]
    if settings.only_skills:
        command.append("--only-skills")
    for origin, target in settings.rewrite.items():
        command += ["--rewrite", f"{origin}={target}"]
    return [*command, "--host", settings.host, *(["--simulate"] if simulate else [])]


def _serve_with(count: int, shell: Shell, settings: Settings, command: list[str], as_json: bool) -> None:
    with contextlib.closing(listen(settings.host, settings.port)) as listener:
        listener.listen()
        url = address(settings.host, listener.getsockname()[1])

        def say_ready() -> None:
            if as_json:
                print_json({"url": url, "version": __version__, "processes": count}, pretty=False)
            else:
                say(f"agentos {__version__} at {style(url, bold=True)}, {_count(count, 'process')}")

        Processes(command, shell.environ, listener, count, say_ready, _warn, settings.drain).run()


def _warn(text: str | None) -> None:
    if text:
        say(f"{style('warning:', fg='yellow', bold=True)} {text}", err=True)


def _broken(entry: Any) -> str:
    problems = entry["problems"]
    first = next((problem for problem in problems if problem["severity"] == "error"), problems[0])
    where = f"{first['file']}:{first['line']}:{first['column']}"
    more = f" ({len(problems) - 1} more: agentos check {first['file']})" if len(problems) > 1 else ""
    return f"the skill {entry['id']} is broken: {where}: {plain(first['message'])}{more}"


def _count(number: int, what: str) -> str:
    plural = "es" if what.endswith("s") else "s"
    return f"{number} {what}{'' if number == 1 else plural}"
