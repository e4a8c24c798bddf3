"""Keys: where each would come from, where it may go. Set, removed, tried; never shown."""

from typing import Any

from agentos_runtime.console.page import Page
from agentos_runtime.console.pages.troubles import told
from agentos_runtime.console.visits import Visit
from agentos_runtime.runtime.operating.credentials import list_credentials


async def keys(visit: Visit) -> Page:
    """Raises InternalError when the keys' files cannot be read."""
    with told():
        found: Any = list_credentials(visit.runtime)
    credentials = sorted(found["credentials"], key=lambda each: (not each["loaded"], str(each["name"]).lower()))
    values = {"credentials": credentials, "file": found["file"], "simulated": found["file"] is None}
    return Page("keys.html", "Keys", values)
