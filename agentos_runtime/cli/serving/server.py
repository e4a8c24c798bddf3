"""A server as its operator sees it: where it listens, what is wrong, what goes on."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.cli.lazy import load
from agentos_runtime.cli.serving.log import BareRecords, Log, LoggedRecords
from agentos_runtime.cli.serving.news import Missing, missing_of, tell_news
from agentos_runtime.cli.serving.printing import Lines
from agentos_runtime.cli.terminal.output import plain, print_json, ring, say, style
from agentos_runtime.cli.terminal.shell import OPERATOR, Shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime import Runtime
from agentos_runtime.server.lifecycle.processes import Inherited
from agentos_runtime.server.server import run
from agentos_runtime.skills.catalog import Catalog
from agentos_runtime.version import __version__
from agentos_runtime.waiting.entries import Entry

NEAREST, STRICT = "nearest", "strict"
TEXT, JSON, QUIET = "text", "json", "quiet"


@dataclass(frozen=True, slots=True)
class Said:
    """What the command line says of what is printed."""

    as_json: bool
    simulate: str | None
    log: str | None
    """`text`, `json`, `quiet`; None = text on a terminal, else quiet."""

    @property
    def tells(self) -> bool:
        """Whether each call is a line."""
        return self.log in (TEXT, JSON) or (self.log is None and sys.stderr is not None and sys.stderr.isatty())

    @property
    def prints(self) -> bool:
        """Whether anything is told of calls: inexact answers of a simulation are, unless it is to be quiet."""
        return self.tells or (self.simulate is not None and self.log != QUIET)

    @property
    def flags(self) -> list[str]:
        """The same for a child."""
        log = ["--quiet"] if self.log == QUIET else ["--log", self.log] if self.log else []
        json = ["--json"] if self.as_json else []
        return [*log, *json, *([f"--simulate={self.simulate}"] if self.simulate else [])]


class Server:
    """Serves, says when it is ready and with what, and then what happens."""

    def __init__(self, shell: Shell, settings: Settings, said: Said) -> None:
        self._shell = shell
        self._settings = settings
        self._said = said
        self._lines, self._told = Lines(), Lines(err=False)
        """Who does not read one of them holds up nothing of the other."""
        self._log = Log(self._lines, as_json=said.log == JSON)
        self._lines.tell = self._told.tell = self._log.warn
        self._entries: list[Any] = []
        self._missing: dict[Missing, list[str]] = {}
        self._loading = 0
        self._stores: list[Any] = []
        self._is_herald = True

    def run(self, inherit: str | None, *, herald: bool) -> None:
        """herald: whether this one of several processes tells what all of them see."""
        with self.printing():
            if inherit is None:
                run(self._opened, self._settings, ready=self._say_ready, notice=self.warn)
                return
            inherited = Inherited.of(inherit)
            self._is_herald = herald

            def ready(_: str) -> None:
                inherited.say_ready()
                self._say_needs()

            run(self._opened, self._settings, ready=ready, notice=lambda _: None, inherited=inherited)

    @contextlib.contextmanager
    def printing(self) -> Iterator[None]:
        """What is logged in the block is printed, also by parts that log of their own accord; and who waits."""
        logger = logging.getLogger("agentos")
        handler = LoggedRecords(self._log) if self._said.prints else BareRecords(self._lines)
        with self._told.printing(), self._lines.printing():
            logger.addHandler(handler)
            try:
                yield
            finally:
                logger.removeHandler(handler)

    def warn(self, text: str | None) -> None:
        if text and self._said.log == JSON:
            self._log.warn(text)
        elif text:
            say(_warning(text), err=True)

    def notice(self, text: str) -> None:
        """A warning of something that goes on, whether or not that can be printed."""
        if self._said.log == JSON:
            self._log.warn(text)
        else:
            self._lines.say(_warning(text))

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[Runtime]:
        async with open_runtime(self._settings, self._shell.environ, dependencies=self._simulation()) as runtime:
            catalog = runtime.catalog(OPERATOR, everything=True)
            self._entries, self._loading = catalog.entries(), len(catalog.loading())
            self._look_for_needs(catalog)
            self.warn(runtime.ledger.degraded)
            runtime.asking.desk.listen(self._say_waiting)
            async with self._telling(runtime):
                yield runtime

    def _look_for_needs(self, catalog: Catalog) -> None:
        for text in catalog.unreadable().values():
            self.warn(text)
        for entry in self._entries:
            missing = missing_of(entry, catalog)
            if missing is not None:
                self._missing.setdefault(missing, []).append(str(entry["id"]))

    def _say_waiting(self, entry: Entry) -> None:
        """Somebody waits for the operator's yes."""
        if self._said.as_json:
            names = {
                name: value
                for name, value in entry.as_json().items()
                if name in ("id", "agent", "skill", "utility")
            }
            self._told.have(partial(print_json, {"waiting": names}, pretty=False))
            return
        what = f"{plain(entry.agent)} waits for your yes to {plain(entry.skill)}/{plain(entry.utility)}"
        line = f"{style('Waiting:', fg='yellow', bold=True)} {what}. Look: agentos waiting"
        self._told.have(partial(say, line))
        self._told.have(ring)

    def _simulation(self) -> Callable[..., Any] | None:
        if not self._said.simulate:
            return None
        made: Callable[..., Any] = load("simulated:dependencies")(
            self._stores, self._settings.home, strict=self._said.simulate == STRICT
        )
        return made

    @contextlib.asynccontextmanager
    async def _telling(self, runtime: Runtime) -> AsyncIterator[None]:
        """Calls and changes of skills are told in the block."""
        if self._said.prints and self._said.simulate:
            runtime.telling.listeners.append(self._log.inexact)
        if not self._said.tells:
            yield
            return
        runtime.telling.listeners.append(self._log.call)
        if not self._is_herald:
            yield
            return

        def needs(skill: str) -> Missing | None:
            catalog = runtime.catalog(OPERATOR, everything=True)
            entries: Any = catalog.entries()
            return next((missing_of(entry, catalog) for entry in entries if entry["id"] == skill), None)

        watching = asyncio.create_task(tell_news(runtime.registry, self._log, needs))
        try:
            yield
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    def _say_ready(self, url: str) -> None:
        broken = [entry for entry in self._entries if entry["state"] == "broken"]
        loaded = len(self._entries) - len(broken)
        skills: dict[str, Json] = {"loaded": loaded, "broken": len(broken)}
        skills |= {"loading": self._loading} if self._loading else {}
        ready: dict[str, Json] = {"url": url, "version": __version__, "skills": skills}
        home: dict[str, Json] = {"simulated": True, "home": str(self._settings.home)} if self._said.simulate else {}
        if self._said.as_json:
            print_json(ready | home, pretty=False)
            return
        if self._said.log == JSON:
            self._log.tell("ready", f"ready at {url}", ready | home)
        else:
            say(f"agentos {__version__} at {style(url, bold=True)}")
            still = f", {self._loading} still being loaded" if self._loading else ""
            say(f"{_count(loaded, 'skill')} loaded, {len(broken)} broken{still}. Stop with Ctrl-C.")
            if self._said.simulate:
                self._say_simulated()
            say(
                f"Console: {url}/console/. To be let in, in another terminal: {style('agentos console', bold=True)}"
            )
        self._warn_of_cases()
        for entry in broken:
            self.warn(_broken(entry))
        for entry in self._entries:
            if entry.get("shadows"):
                self.warn(f"the skill {plain(entry['id'])} of your folders is served in place of the bundled one")
        self._say_needs()

    def say_processes(self, url: str, count: int) -> None:
        """Ready, as several processes."""
        ready: dict[str, Json] = {"url": url, "version": __version__, "processes": count}
        if self._said.as_json:
            print_json(ready, pretty=False)
        elif self._said.log == JSON:
            self._log.tell("ready", f"ready at {url}", ready)
        else:
            say(f"agentos {__version__} at {style(url, bold=True)}, {_count(count, 'process')}")

    def _say_needs(self) -> None:
        """What keeps skills from being called."""
        if not (self._said.tells and self._is_herald):
            return
        for each, ids in self._missing.items():
            text = f"{each.words.capitalize()}: {plain(', '.join(ids))} ({each.then.format('SKILL')})"
            self._log.tell(each.state, text, {"skills": [*ids], "message": text})

    def _say_simulated(self) -> None:
        files = [file for store in self._stores for file in store.files()]
        cases = sum(file.case is not None for file in files)
        mark = style("Simulation:", fg="yellow", bold=True)
        say(
            f"{mark} {_count(cases, 'case')} give the answers, keys are made up, nothing leaves this machine. "
            f"Activity goes to {self._settings.home}."
        )

    def _warn_of_cases(self) -> None:
        for file in (file for store in self._stores for file in store.files()):
            if file.case is None:
                self.warn(f"a case is broken and left out: {plain(str(file.problems[0]))}")


def _warning(text: str) -> str:
    return f"{style('warning:', fg='yellow', bold=True)} {text}"


def _broken(entry: Any) -> str:
    problems = entry["problems"]
    first = next((problem for problem in problems if problem["severity"] == "error"), problems[0])
    where = f"{first['file']}:{first['line']}:{first['column']}"
    more = f" ({len(problems) - 1} more: agentos check {first['file']})" if len(problems) > 1 else ""
    return f"the skill {entry['id']} is broken: {where}: {plain(first['message'])}{more}"


def _count(number: int, what: str) -> str:
    plural = "es" if what.endswith("s") else "s"
    return f"{number} {what}{'' if number == 1 else plural}"
