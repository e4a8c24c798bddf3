"""The servers that are measured: how each is started and asked. All of them call the same toy upstream."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.many import manifests

ROOT = Path(__file__).parent.parent
OURS = "agentos-runtime"
CHAT_SKILL = "openrouter"
BARE = "(a) starlette + aiohttp pass-through"
DIRECT = "(c) the toy upstream itself"

_QUESTION = "What is the answer? " + "Think of everything that matters. " * 15
KEY = "sk-or-v1-" + "0123456789abcdef" * 4
"""Of the form that keys of OpenRouter have: how long a key is decides what looking for it costs."""
CHAT = {"model": "bench/model", "messages": [{"role": "user", "content": _QUESTION}]}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One server; `{port}`, `{upstream}` (a port) and `{home}` (an empty folder) are filled in at start."""

    name: str
    command: tuple[str, ...]
    path: str
    version: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Written into the empty folder, where the server starts."""
    end: str = "[DONE]"
    """What follows a stream's last delta."""
    tool: str = ""
    """The tool that is asked for over MCP; none where the chat is asked for itself."""
    health: str = ""
    """What says that it serves."""
    model: str = "bench/model"
    """Its name here."""


def asked(tool: str, chat: Mapping[str, object]) -> Mapping[str, object]:
    """The body of a request: the chat, or the call of a tool with it."""
    if not tool:
        return chat
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": chat}}


LIMITS = "[limits.default]\ncalls_per_minute = 100_000_000\ncost_per_day = 1_000_000\n"
VARIANTS = ("guard", "ledger")
"""What `benchmarks.fortress` can take away."""

HANG_PATH = "/api/skills/hang/forever"
HOSTILE_PATHS = (HANG_PATH, "/api/skills/hang/heavy")
HANG_SKILL = """---
id: hang
name: Hang
description: An expression that never ends, and one that uses its budget up.
utilities:
  forever:
    description: Never answers.
    rest:
      method: POST
      url: https://openrouter.ai/api/v1/chat/completions
      body: '.params | last(repeat(1))'
  heavy:
    description: Costs more than compiled code may.
    rest:
      method: POST
      url: https://openrouter.ai/api/v1/chat/completions
      body: '{model: "m", size: ([range(2000)] | map([., .] | tojson) | map(length) | add)}'
---
"""


def candidates() -> Iterator[Candidate]:
    """All that can be measured here."""
    toy = (sys.executable, "-m", "benchmarks.upstream", "{port}")
    yield Candidate(DIRECT, toy, "/api/v1/chat/completions", environ={"PYTHONPATH": str(ROOT)})
    yield _passthrough(BARE, "benchmarks.passthrough:bare")
    yield _passthrough("(b) the same over our upstream client", "benchmarks.over_upstream:app")
    yield _ours(OURS, (str(_ALONE / "agentos"), "serve"))
    yield from _peers()


def tools() -> Iterator[Candidate]:
    """Servers of tools that answer the same chat, ours first: by its own address, and as a tool."""
    serve = (str(_ALONE / "agentos"), "serve")
    yield _ours("agentos-runtime, REST", serve)
    yield replace(
        _ours("agentos-runtime, tools/call", serve),
        path="/mcp",
        tool=f"{CHAT_SKILL}_chat",
        headers={"x-agent": "bench", "accept": _ACCEPT, "mcp-protocol-version": "2025-06-18"},
    )
    if _FASTMCP.exists():
        yield Candidate(
            "FastMCP, tools/call",
            (str(_FASTMCP), "peer.py"),
            "/mcp",
            next(_PEERS.glob("fastmcp/lib/*/site-packages/fastmcp-*.dist-info")).stem.split("-")[1],
            environ={"BENCH_PORT": "{port}", "BENCH_UPSTREAM": _UPSTREAM},
            headers={"accept": _ACCEPT},
            files={"peer.py": _FASTMCP_SERVER},
            tool="chat",
        )


def newest() -> Iterator[Candidate]:
    """The least that there is and ours, with the newest Python; none where there is no newer one."""
    if not _NEWEST.exists():
        return
    yield _passthrough(BARE, "benchmarks.passthrough:bare", str(_NEWEST))
    yield replace(_ours(OURS, (str(_NEWEST.parent / "agentos"), "serve")), files={})


def newest_version() -> str:
    """Of that Python."""
    return (_NEWEST.parent.parent / "pyvenv.cfg").read_text().partition("version = ")[2].split()[0]


def passed_through() -> Iterator[Candidate]:
    """The least that there is, the canonical chat, and the same chat by the service's own address and by a wire."""
    ours = replace(_ours(OURS, (str(_ALONE / "agentos"), "serve")), files={})
    yield _passthrough(BARE, "benchmarks.passthrough:bare")
    yield ours
    named = replace(ours, headers={"x-agent": "bench", "authorization": "Bearer unused"}, end="[DONE]")
    yield replace(named, name=f"{OURS}, /use", path="/use/openrouter.ai/api/v1/chat/completions")
    yield replace(named, name=f"{OURS}, /v1", path="/v1/chat/completions", model=f"{CHAT_SKILL}/bench/model")


def with_skills(count: int) -> Candidate:
    """Our server with so many imported skills besides those that ship."""
    files = dict(manifests(count))
    return _ours(f"{count} imported skills", (str(_ALONE / "agentos"), "serve"), files)


def fortress() -> Iterator[Candidate]:
    """Our server with everything on, with limits besides, and with one protection less each."""
    serve = (str(_ALONE / "agentos"), "serve")
    yield _ours("everything on", serve)
    yield _ours("limits and counters besides", serve, {"config.toml": LIMITS})
    for variant in VARIANTS:
        yield _ours(f"without {variant}", (str(_ALONE / "python"), "-m", "benchmarks.fortress", variant))


def _ours(name: str, command: tuple[str, ...], files: Mapping[str, str] | None = None) -> Candidate:
    return Candidate(
        name,
        command,
        "/api/skills/openrouter/chat",
        environ={
            "AGENTOS_HOME": "{home}",
            "AGENTOS_PORT": "{port}",
            "AGENTOS_REWRITE": "https://openrouter.ai=http://127.0.0.1:{upstream}",
            "OPENROUTER_API_KEY": KEY,
            "PYTHONPATH": str(ROOT),
        },
        headers={"x-agent": "bench"},
        files={"skills/hang/readme.md": HANG_SKILL, **(files or {})},
        end="event: done",
        health="/api/health",
    )


def _passthrough(name: str, app: str, python: str = sys.executable) -> Candidate:
    server = (python, "-m", "uvicorn", app, "--port", "{port}", "--loop", "uvloop", "--no-access-log")
    return Candidate(
        name,
        (*server, "--log-level", "error"),
        "/chat",
        environ={"BENCH_UPSTREAM": _UPSTREAM, "PYTHONPATH": str(ROOT)},
    )


def absent_peers() -> Iterator[str]:
    """Names of the gateways that `benchmarks/install_peers` would bring."""
    if not _LITELLM.exists():
        yield "LiteLLM"
    if not _PORTKEY.exists():
        yield "Portkey"
    if not _FASTMCP.exists():
        yield "FastMCP"


def _peers() -> Iterator[Candidate]:
    if _LITELLM.exists():
        yield Candidate(
            "LiteLLM proxy",
            (str(_LITELLM), "--config", "config.yaml", "--host", "127.0.0.1", "--port", "{port}"),
            "/v1/chat/completions",
            next(_PEERS.glob("litellm/lib/*/site-packages/litellm-*.dist-info")).stem.split("-")[1],
            environ=_LITELLM_ENVIRON,
            files={"config.yaml": json.dumps(_LITELLM_CONFIG)},
        )
    if _PORTKEY.exists():
        yield Candidate(
            "Portkey gateway",
            ("node", str(_PORTKEY / "build" / "start-server.js"), "--port={port}", "--headless"),
            "/v1/chat/completions",
            json.loads((_PORTKEY / "package.json").read_text())["version"],
            headers={
                "x-portkey-provider": "openrouter",
                "x-portkey-custom-host": f"{_UPSTREAM}/api/v1",
                "authorization": f"Bearer {KEY}",
            },
        )


_ALONE = ROOT / "build" / "alone" / "bin"
"""The runtime with its own dependencies only: see `scripts/install`."""
_NEWEST = ROOT / "build" / "newest" / "bin" / "python"
_CACHE = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
_PEERS = Path(os.environ.get("BENCH_PEERS") or Path(_CACHE) / "agentos-bench")
_FASTMCP = _PEERS / "fastmcp" / "bin" / "python"
_LITELLM = _PEERS / "litellm" / "bin" / "litellm"
_PORTKEY = _PEERS / "portkey" / "node_modules" / "@portkey-ai" / "gateway"
_UPSTREAM = "http://127.0.0.1:{upstream}"
_ACCEPT = "application/json, text/event-stream"
_FASTMCP_SERVER = """
import os
import httpx
from fastmcp import FastMCP

server, client = FastMCP("bench"), httpx.AsyncClient()

@server.tool
async def chat(model: str, messages: list[dict]) -> dict:
    url = os.environ["BENCH_UPSTREAM"] + "/api/v1/chat/completions"
    return (await client.post(url, json={"model": model, "messages": messages})).json()

port = int(os.environ["BENCH_PORT"])
quiet = {"show_banner": False, "log_level": "ERROR"}
server.run(transport="http", host="127.0.0.1", port=port, stateless_http=True, json_response=True, **quiet)
"""
_LITELLM_ENVIRON = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # its lightest way: no authentication
}
_LITELLM_CONFIG = {
    "model_list": [
        {
            "model_name": "bench/model",
            "litellm_params": {
                "model": "openai/bench",
                "api_base": f"{_UPSTREAM}/api/v1",
                "api_key": KEY,
            },
        }
    ]
}
