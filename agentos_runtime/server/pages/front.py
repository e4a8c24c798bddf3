"""`GET /` and `GET /docs`: what runs here, for whoever comes by; HTML for a browser, text for everybody else."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from starlette.requests import Request

from agentos_runtime.errors import NotFound
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.server.messages import Admitted, Response, admitted
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.pages.first_call import first_call
from agentos_runtime.server.pages.reached import Reached
from agentos_runtime.server.pages.without_token import CONTENT_TYPES, HTML
from agentos_runtime.version import __version__
from agentos_runtime.visible import visible

_HELP: Mapping[str, str] = {
    "needs_credential": "needs a {what}: agentos {command} {id}",
    "needs_approval": "needs your approval: agentos approve {id}",
    "broken": "broken: agentos check {id}",
}
_ON: Sequence[tuple[str, str]] = (
    ("/docs", "every utility, its params, and a form to try it"),
    ("/openapi.json", "the same for tools; /api/skills/<id>/openapi.json is one skill"),
    ("/mcp", "for clients of the Model Context Protocol: agentos mcp config claude"),
    ("/api/skills", "the skills as JSON"),
    ("/api/activity", "who called what"),
    ("/api/usage", "what it cost"),
    ("/metrics", "figures for Prometheus"),
    ("/console/", "the operator's pages: agentos console opens them"),
)
LOCKED = "This server asks for a token: send it as Authorization: Bearer …"


@dataclass(frozen=True, slots=True)
class Front:
    """What there is to say."""

    url: str
    skills: tuple[tuple[str, str, str], ...]
    """Of each: its id, what it is, and what it still needs."""
    call: str | None


class Pages:
    """The pages for people."""

    def __init__(self, opening: Opening, reached: Reached) -> None:
        self._opening = opening
        self._reached = reached
        self._files = {
            name: ((STATIC / name).read_bytes(), content_type) for name, content_type in CONTENT_TYPES.items()
        }

    async def front(self, request: Request) -> Response:
        """The start; without its data for who is not let in."""
        admission = admitted(request.scope)
        browser = b"text/html" in admission.headers.get(b"accept", b"").lower()
        if admission.caller.outside:
            return self._file("locked.html") if browser else _text(f"AgentOS\n\n{LOCKED}\n")
        front = await self._front(admission)
        if browser:
            return Response(as_html(front).encode(), content_type=HTML, headers=_PAGE)
        return _text(as_text(front))

    async def docs(self, request: Request) -> Response:
        """The page that lists and tries; its data comes over the API."""
        page = self._file("docs.html")
        if request.scope["raw_path"].endswith(b"/"):  # what it names is relative, and begins one step further up
            return replace(page, body=page.body.replace(b'="./', b'="../'))
        return page

    async def file(self, request: Request) -> Response:
        """What the pages are made of. Raises NotFound."""
        return self._file(request.path_params["file"])

    def _file(self, name: str) -> Response:
        if name not in self._files:
            raise NotFound("Nothing is here.")
        body, content_type = self._files[name]
        return Response(body, content_type=content_type, headers=_PAGE)

    async def _front(self, admission: Admitted) -> Front:
        runtime = await self._opening.wait()
        caller = admission.caller
        url = self._reached.public_url or f"http://{admission.headers[b'host'].decode('latin-1').lower()}"
        catalog = runtime.catalog(caller)
        entries: list[Any] = catalog.entries(None)
        served = [entry.skill for entry in runtime.visible(caller.agent).entries if entry.skill]
        commands = {skill.id: skill.key_command for skill in served}
        unreadable = catalog.unreadable()
        ready = {entry["id"] for entry in entries if entry.get("state") == "ready"}
        return Front(
            url, tuple(_line(entry, commands, unreadable) for entry in entries), first_call(served, ready, url)
        )


def _line(
    entry: Mapping[str, Json], commands: Mapping[str, str], unreadable: Mapping[str, str]
) -> tuple[str, str, str]:
    skill_id, said = str(entry["id"]), str(entry.get("description") or "")
    command = commands.get(skill_id, "keys set")
    what = "login" if command == "login" else "key"
    state = str(entry.get("state"))
    needs = _HELP.get(state, "").format(id=skill_id, command=command, what=what)
    if state in unreadable:
        needs = "a file that says more cannot be read: agentos doctor"
    return skill_id, visible(said).split("\n")[0][:200], needs


def as_text(front: Front) -> str:
    width = max((len(skill) for skill, _, _ in front.skills), default=0)
    lines = [f"AgentOS {__version__} at {front.url}", "", _count(front)]
    for skill, said, needs in front.skills:
        lines.append(f"  {skill:<{width}}  {said}{f'  ({needs})' if needs else ''}")
    if front.call is not None:
        lines += ["", "A first call:", f"  {front.call}"]
    lines += ["", "Where to go on:"]
    lines += [f"  {front.url}{path:<15}  {what}" for path, what in _ON]
    return "\n".join(lines) + "\n"


def as_html(front: Front) -> str:
    """Whatever a skill says of itself is escaped: it may be a stranger's."""
    rows = "".join(
        f"<tr><td><code>{escape(skill)}</code></td><td>{escape(said)}</td><td>{escape(needs)}</td></tr>"
        for skill, said, needs in front.skills
    )
    call = f"<h2>A first call</h2><pre>{escape(front.call)}</pre>" if front.call is not None else ""
    on = "".join(f'<tr><td><a href=".{path}">{path}</a></td><td>{escape(what)}</td></tr>' for path, what in _ON)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<title>AgentOS</title><link rel="stylesheet" href="./docs/pages.css"></head><body>'
        f'<h1>AgentOS</h1><p class="soft">{escape(__version__)} at <code>{escape(front.url)}</code></p>'
        f"<h2>{escape(_count(front))}</h2><table>{rows}</table>{call}"
        f"<h2>Where to go on</h2><table>{on}</table></body></html>\n"
    )


def _count(front: Front) -> str:
    number = len(front.skills)
    return "No skills are here." if not number else f"{number} skill{'' if number == 1 else 's'}:"


def _text(text: str) -> Response:
    return Response(text.encode(), content_type=b"text/plain; charset=utf-8", headers=_PAGE)


STATIC = Path(__file__).parent / "static"
_PAGE = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
        b"form-action 'none'; frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"vary", b"Accept, Authorization"),
)
"""Nothing of others runs in a page: no scripts or styles but ours, and nothing is sent elsewhere."""
