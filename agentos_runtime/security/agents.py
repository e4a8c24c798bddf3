"""Agents that are bound to a token: for them, `X-Agent` is proven. `agents.json` (0600) holds hashes only."""

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from agentos_runtime.config.settings import AGENT_PREFIX
from agentos_runtime.jsontext import Json, parse
from agentos_runtime.storage.private_files import PrivateFile, PrivateFileError, Stamp, refuse_newer

ANONYMOUS = "anonymous"
TOKEN_BYTES = 32
_VERSION = 1
_NAME = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. What it may call, goes by the name; what it may see of others, by how far it is proven."""

    agent: str
    operator: bool = False
    """It sent the operator's token, or opened the home itself."""
    bound: bool = False
    """Its name is bound to a token, which it sent."""


@dataclass(frozen=True, slots=True)
class BoundAgent:
    """An agent and the SHA-256 of its token."""

    name: str
    digest: str
    added_at: str


def is_agent_name(text: str) -> bool:
    """Whether it can stand in `X-Agent`: 1 to 64 printable ASCII characters, no space at the ends."""
    return _NAME.fullmatch(text) is not None


class Agents:
    """The bound agents of one home, read again when the file changes.

    clock: epoch seconds. Every method raises PrivateFileError when the file cannot be trusted or read.
    """

    def __init__(self, file: PrivateFile, *, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock
        self._bound: Mapping[str, BoundAgent] = {}
        self._read_under: Stamp | None = None

    def is_bound(self, name: str) -> bool:
        return name in self._current()

    def owner_of(self, token: str) -> str | None:
        """The agent whose token this is; None when it is nobody's."""
        if not token.startswith(AGENT_PREFIX):
            return None
        digest = _digest(token)
        found = [each.name for each in self._current().values() if hmac.compare_digest(each.digest, digest)]
        return found[0] if found else None

    def list(self) -> tuple[BoundAgent, ...]:
        return tuple(self._current().values())

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
        added = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._change(lambda bound: {**bound, name: BoundAgent(name, _digest(token), added)})
        return token

    def remove(self, name: str) -> bool:
        """End a token; its name is a label again. False when there was none."""
        known = self.is_bound(name)
        if known:
            self._change(lambda bound: {key: each for key, each in bound.items() if key != name})
        return known

    def _current(self) -> Mapping[str, BoundAgent]:
        stamp = self._file.stamp()
        if stamp != self._read_under:
            contents = self._file.read()
            self._bound = self._load(contents.data) if contents else {}
            self._read_under = contents.stamp if contents else None
        return self._bound

    def _change(self, change: Callable[[Mapping[str, BoundAgent]], Mapping[str, BoundAgent]]) -> None:
        def rewrite(data: bytes | None) -> bytes:
            bound = change(self._load(data) if data else {})
            agents = {each.name: {"sha256": each.digest, "added_at": each.added_at} for each in bound.values()}
            return json.dumps({"version": _VERSION, "agents": agents}, indent=2).encode() + b"\n"

        self._file.update(rewrite)

    def _load(self, data: bytes) -> dict[str, BoundAgent]:
        refuse_newer(self._file.path, data, _VERSION)
        try:
            document = parse(data)
            agents = document["agents"] if isinstance(document, dict) and document["version"] == _VERSION else None
            if not isinstance(agents, dict):
                raise ValueError
            return {name: _entry(name, entry) for name, entry in agents.items()}
        except (ValueError, KeyError, TypeError):
            raise PrivateFileError(
                f"{self._file.path} is not as agentos writes it: mend it, or move it away and add the agents again"
            ) from None


def _entry(name: str, entry: Json) -> BoundAgent:
    if not isinstance(entry, dict) or not _HASH.fullmatch(str(entry["sha256"])):
        raise ValueError
    return BoundAgent(name, str(entry["sha256"]), str(entry["added_at"]))


def _digest(token: str) -> str:
    """A token is 256 random bits: there is nothing to guess, so a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
