"""The person's browser, where there is one."""

import sys
import threading
import webbrowser
from collections.abc import Callable, Mapping


def has_browser(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether an address can be opened in a window that the person sees."""
    if any(environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")):
        return True
    return platform == "darwin" and "SSH_CONNECTION" not in environ


def open_browser(url: str, failed: Callable[[], None]) -> None:
    """Open the address, and call `failed` (from another thread) when that does not work.

    Some browsers only return when they are closed, so nobody waits for them.
    """
    threading.Thread(target=_open, args=(url, failed), daemon=True).start()


def _open(url: str, failed: Callable[[], None]) -> None:
    try:
        opened = webbrowser.open(url)
    except (webbrowser.Error, OSError):
        opened = False
    if not opened:
        failed()
