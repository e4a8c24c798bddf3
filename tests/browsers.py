"""The browsers of this machine that tests drive."""

import shutil


def first(*programs: str) -> str | None:
    """The first that is installed."""
    return next(filter(None, map(shutil.which, programs)), None)


BROWSER = first("chromium", "chromium-browser", "google-chrome")
"""As people use it."""
HEADLESS = first("chromium-headless-shell") or BROWSER
"""With the same engine for pages, and no windows around them, which take as much CPU again."""
