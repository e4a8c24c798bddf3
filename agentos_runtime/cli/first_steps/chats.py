"""Skills that chat, as they are shown: a utility `chat` with the canonical reply."""

from collections.abc import Iterator
from typing import Any

from agentos_runtime.cli.terminal.catalogs import looked_at
from agentos_runtime.cli.terminal.shell import Shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.skills.catalog import Catalog

CHAT = "chat"
_REPLY = frozenset({"content", "tool_calls", "stop_reason", "usage"})


@dataclass(frozen=True, slots=True)
class Chat:
    """A skill whose `chat` can be asked."""

    skill: str
    state: str
    has_auth: bool
    model: str | None
    """What its param `model` is without being given, or an example of it."""
    needs_model: bool
    """Whether a call must name one."""

    @property
    def has_key(self) -> bool:
        return self.has_auth and self.state == "ready"


async def chats(shell: Shell, settings: Settings) -> list[Chat]:
    """Every skill that chats, by its id. Raises Failed."""
    async with looked_at(shell, settings) as catalog:
        return [*_found(catalog)]


def _found(catalog: Catalog) -> Iterator[Chat]:
    for entry in catalog.entries():
        shown: Any = entry
        if CHAT not in shown["utilities"] or shown["state"] == "broken":
            continue
        utility: Any = catalog.utility(shown["id"], CHAT)
        if not ((utility["returns"] or {}).get("properties") or {}).keys() >= _REPLY:
            continue
        params = utility["params"]
        model = params.get("properties", {}).get("model", {})
        examples = model.get("examples") or [None]
        known = model.get("default") or examples[0]
        needs = "model" in params.get("required", ())
        yield Chat(shown["id"], shown["state"], utility["credential"] is not None, known, needs)
