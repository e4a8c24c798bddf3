"""The servers that are measured: how each is started and asked. All of them call the same toy upstream."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
OURS = "agentos-runtime"
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


LIMITS = "[limits.default]\ncalls_per_minute = 100_000_000\ncost_per_day = 1_000_000\n"
VARIANTS = ("guard", "sealing", "ledger")
"""What `benchmarks.fortress` can take away."""

HANG_PATH = "/api/skills/hang/forever"
HANG_SKILL = """---
id: hang
name: Hang
description: An expression that never ends.
utilities:
  forever:
    description: Never answers.
    rest:
      method: POST
      url: https://openrouter.ai/api/v1/chat/completions
      body: '.params | last(repeat(1))'
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
    )


def _passthrough(name: str, app: str) -> Candidate:
    server = (sys.executable, "-m", "uvicorn", app, "--port", "{port}", "--loop", "uvloop", "--no-access-log")
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
_CACHE = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
_PEERS = Path(os.environ.get("BENCH_PEERS") or Path(_CACHE) / "agentos-bench")
_LITELLM = _PEERS / "litellm" / "bin" / "litellm"
_PORTKEY = _PEERS / "portkey" / "node_modules" / "@portkey-ai" / "gateway"
_UPSTREAM = "http://127.0.0.1:{upstream}"
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
