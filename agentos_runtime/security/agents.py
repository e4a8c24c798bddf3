"""Agents that are bound to a token, for whom `X-Agent` is proven, and agents that were stopped.

`agents.json` (0600) holds hashes only.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import TypeVar

from agentos_runtime.config.settings import AGENT_PREFIX
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, parse
from agentos_runtime.regexes import regex
from agentos_runtime.storage.private_files import PrivateFile, PrivateFileError, Stamp, refuse_newer

Entry = TypeVar("Entry")

ANONYMOUS = "anonymous"
TOKEN_BYTES = 32
_VERSION = 2
_WITHOUT_STOPS = 1
"""The version of a file in which nobody is stopped, so that older versions read it."""
_NAME = regex(r"[!-~](?:[ -~]{0,62}[!-~])?")
_HASH = regex(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. What it may call, goes by the name; what it may see of others, by how far it is proven."""

    agent: str
    operator: bool = False
    """It sent the operator's token, or opened the home itself."""
    bound: bool = False
    """Its name is bound to a token, which it sent."""
    session: str | None = None
    """The label of the console session that proves the operator; None = a token, or a command, does."""
    outside: bool = False
    """It was not let in, and sees pages without data only."""


@dataclass(frozen=True, slots=True)
class BoundAgent:
    """An agent and the SHA-256 of its token."""

    name: str
    digest: str
    added_at: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What the file says."""

    bound: Mapping[str, BoundAgent] = field(default_factory=dict)
    stopped: Mapping[str, str] = field(default_factory=dict)
    """Since when, by the agent's name."""


def is_agent_name(text: str) -> bool:
    """Whether it can stand in `X-Agent`: 1 to 64 printable ASCII characters, no space at the ends."""
    return _NAME.fullmatch(text) is not None


class Agents:
    """The bound and the stopped agents of one home, read again when the file changes.

    clock: epoch seconds; the file's unless given. Every method raises PrivateFileError when the file cannot be
    trusted or read.
    """

    def __init__(self, file: PrivateFile, *, clock: Callable[[], float] | None = None) -> None:
        self._file = file
        self._clock = clock or file.now
        self._read: tuple[Stamp | None, _Known] = (None, _Known())
        """What was read last, and under which stamp."""

    def stamp(self) -> Stamp | None:
        """Differs when another answer is possible; one `lstat` in a turn of the event loop."""
        return self._file.glance()

    def is_bound(self, name: str) -> bool:
        return name in self._known_under(self._file.glance()).bound

    def has_bound(self, name: str) -> bool:
        """The same by what was last read."""
        return name in self._read[1].bound

    def stopped_at(self, name: str) -> str | None:
        """Since when no call of this name is made; None when it is not stopped."""
        return self._known_under(self._file.glance()).stopped.get(name)

    def stopped(self) -> Mapping[str, str]:
        """Since when, by the names of all that are stopped."""
        return dict(self._current().stopped)

    def owner_of(self, token: str) -> str | None:
        """The agent whose token this is; None when it is nobody's."""
        if not token.startswith(AGENT_PREFIX):
            return None
        digest = _digest(token)
        found = [each.name for each in self._current().bound.values() if hmac.compare_digest(each.digest, digest)]
        return found[0] if found else None

    def list(self) -> tuple[BoundAgent, ...]:
        return tuple(self._current().bound.values())

    def add(self, name: str) -> str:
        """Bind a name to a new token, which is given here and kept nowhere; an older one of that name ends.

        Raises ValueError when no X-Agent can be the name.
        """
        if not is_agent_name(name) or name == ANONYMOUS:
            raise ValueError(
                "an agent's name is 1 to 64 printable ASCII characters without a space at the ends, "
                "and not `anonymous`, which is what callers without a name are called"
            )
        token = AGENT_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        added = self._time()

        def change(known: _Known) -> _Known:
            return replace(known, bound={**known.bound, name: BoundAgent(name, _digest(token), added)})

        self._change(change)
        return token

    def remove(self, name: str) -> bool:
        """End a token; its name is a label again. False when there was none."""
        known = name in self._current().bound
        if known:
            self._change(lambda old: replace(old, bound=_without(old.bound, name)))
        return known

    def stop(self, name: str) -> str:
        """Let no call of this name be made until `resume`; since when that holds. Raises ValueError for no name."""
        if not is_agent_name(name):
            raise ValueError("an agent's name is 1 to 64 printable ASCII characters without a space at the ends")
        now = self._time()
        self._change(lambda known: replace(known, stopped={name: now, **known.stopped}))
        return self._current().stopped[name]

    def resume(self, name: str) -> bool:
        """Let it call again; False when it was not stopped."""
        known = name in self._current().stopped
        if known:
            self._change(lambda old: replace(old, stopped=_without(old.stopped, name)))
        return known

    def _time(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    def _current(self) -> _Known:
        return self._known_under(self._file.stamp())

    def _known_under(self, stamp: Stamp | None) -> _Known:
        read_under, known = self._read
        if stamp != read_under:
            contents = self._file.read()
            known = self._load(contents.data) if contents else _Known()
            self._read = (contents.stamp if contents else None, known)  # at once: threads ask too
        return known

    def _change(self, change: Callable[[_Known], _Known]) -> None:
        self._file.update(lambda data: _dump(change(self._load(data) if data else _Known())))

    def _load(self, data: bytes) -> _Known:
        refuse_newer(self._file.path, data, _VERSION)
        try:
            document = parse(data)
            if not isinstance(document, dict) or document["version"] not in (_WITHOUT_STOPS, _VERSION):
                raise ValueError
            agents, stopped = document["agents"], document.get("stopped", {})
            if not isinstance(agents, dict) or not isinstance(stopped, dict):
                raise ValueError
            bound = {name: _entry(name, entry) for name, entry in agents.items()}
            return _Known(bound, {name: str(since) for name, since in stopped.items()})
        except (ValueError, KeyError, TypeError):
            raise PrivateFileError(
                f"{self._file.path} is not as agentos writes it: mend it, or move it away and add the agents again"
            ) from None


def _dump(known: _Known) -> bytes:
    agents: dict[str, Json] = {
        each.name: {"sha256": each.digest, "added_at": each.added_at} for each in known.bound.values()
    }
    document: dict[str, Json] = {"version": _VERSION if known.stopped else _WITHOUT_STOPS, "agents": agents}
    if known.stopped:
        document["stopped"] = dict(known.stopped)
    return json.dumps(document, indent=2).encode() + b"\n"


def _without(entries: Mapping[str, Entry], name: str) -> dict[str, Entry]:
    return {key: each for key, each in entries.items() if key != name}


def _entry(name: str, entry: Json) -> BoundAgent:
    if not isinstance(entry, dict) or not _HASH.fullmatch(str(entry["sha256"])):
        raise ValueError
    return BoundAgent(name, str(entry["sha256"]), str(entry["added_at"]))


def _digest(token: str) -> str:
    """A token is 256 random bits: there is nothing to guess, so a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
