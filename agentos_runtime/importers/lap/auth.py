"""`@auth` of a LAP file: how calls prove themselves, for all of them or for one."""

import re
from collections.abc import Iterable, Sequence

from agentos_runtime.importers.api import Declaration, Losses
from agentos_runtime.importers.declarations import BEARER
from agentos_runtime.importers.messages import snake
from agentos_runtime.importers.openapi.security import said_way
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.headers.names import header_problem
from agentos_runtime.regexes import regex

_OF_KEY = regex(r"api[_ -]?key\b\s*(?:auth\b)?\s*", re.IGNORECASE)
_NAMED = (
    regex(r"(?P<name>[\w.-]+) in (?P<place>header|query|cookie|path|body)", re.IGNORECASE),
    regex(r"(?P<place>header|query|cookie|path|body)\s*[: ]\s*(?P<name>[\w.-]+)", re.IGNORECASE),
    regex(r"(?P<name>[\w.-]+) \((?P<place>header|query|cookie|path|body)\)", re.IGNORECASE),
    regex(r"(?P<name>[\w.-]+)(?P<place>)"),
)
"""`X-Key in header`, `header:X-Key`, `X-Key (header)`, `X-Key`."""
_NONE = frozenset({"", "none", "noauth", "no auth", "public"})


class Proofs:
    """The credentials of one file; `name_of` is asked for each operation, then `auth` says them all."""

    def __init__(self, usual: str, own: Iterable[str], losses: Losses, wanted: str | None) -> None:
        """`usual`: what the file says for all calls. `own`: what some calls say for themselves.
        `wanted`: the way that is chosen over both. Raises ImportProblem.
        """
        self._names: dict[str, str] = {}
        self._found: list[Declaration] = []
        self.settled = wanted is not None
        """How calls prove themselves was said by whoever imports."""
        if wanted is not None:
            self._usual = dict(said_way(wanted)) or None
            self._found = [self._usual] if self._usual else []
            return
        self._usual = _credential(usual, losses)
        for said in (usual, *own):
            credential = self._usual if said == usual else _credential(said, losses)
            if credential is not None and credential not in self._found:
                self._found.append(credential)
            self._names[said] = self._name(credential)

    def name_of(self, own: str | None) -> str | None:
        """The credential of a call; "" = none, None = the usual one."""
        if own is None or self.settled:
            return None if self._usual is not None or not self._found else ""
        name = self._names[own]
        return None if name == "default" or not self._found else name

    @property
    def usual(self) -> Declaration | None:
        """What a call carries that says nothing of its own."""
        return self._usual

    def auth(self) -> Json:
        """What the manifest says under `auth`; None = nothing."""
        if len(self._found) < 2:
            return self._found[0] if self._found else None
        return {"credentials": {self._name(one): one for one in self._found}}

    def _name(self, credential: Declaration | None) -> str:
        if credential is None:
            return ""
        at = self._found.index(credential)
        if not at:
            return "default"
        place = next((str(credential[key]) for key in ("header", "query", "type") if key in credential), "")
        return f"{snake(place) or 'key'}_{at + 1}"


def _credential(said: str, losses: Losses) -> Declaration | None:
    """`Bearer bearer | ApiKey X-API-Key in header`: the first that is understood."""
    ways = [way.strip() for way in said.split("|") if way.strip().lower() not in _NONE]
    found = [auth for way in ways if (auth := _way(way, losses)) is not None]
    if any(auth != found[0] for auth in found[1:]):
        losses.add("calls can be proven in several ways; the first is used", said)
    if found and found[0] == {"type": "api_key", "header": "Authorization"}:
        losses.add(
            "nothing says what stands before the key in `Authorization`: what is stored is sent as it is "
            "(--auth bearer writes `Bearer ` before it)",
            said,
        )
    return found[0] if found else None


def _way(way: str, losses: Losses) -> Declaration | None:
    lower = way.lower()
    if "basic" in lower.split():
        return {"type": "basic"}
    if lower.removeprefix("http ").startswith(("bearer", "oauth", "openid")):
        return dict(BEARER)
    kind = _OF_KEY.match(way)
    rest = way[kind.end() :].strip() if kind else ""
    named = next((found for pattern in _NAMED if (found := pattern.fullmatch(rest))), None)
    made = _key(named["name"], named["place"].lower()) if named else None
    if made is None:
        losses.add("a way to prove a call is not understood (--auth bearer|header:NAME|query:NAME|basic)", way)
    return made


def _key(name: str, place: str) -> Declaration | None:
    if place == "cookie":
        return {"header": {"Cookie": f"{name}={{key}}"}}
    if place in ("path", "body") or (place != "query" and header_problem(name)):
        return None
    return {"type": "api_key", "query" if place == "query" else "header": name}


def stands_in(credential: Declaration | None) -> Sequence[str]:
    """The names under which a credential is sent, in small letters."""
    places = [credential.get(place) for place in ("header", "query")] if credential else []
    return [place.lower() for place in places if isinstance(place, str)]
