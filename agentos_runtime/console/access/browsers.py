"""Which browser it is, for people: `Chromium 156 on Linux`."""

import re
from collections.abc import Sequence

from agentos_runtime.regexes import regex


def browser_label(user_agent: str) -> str:
    """A few words made of a `User-Agent`; only names that are known here and numbers come out."""
    name = next(
        (f"{shown} {found[1]}" for shown, rule in _BROWSERS if (found := rule.search(user_agent))), "a browser"
    )
    system = next((shown for shown, sign in _SYSTEMS if sign in user_agent), "")
    return f"{name} on {system}" if system else name


_BROWSERS: Sequence[tuple[str, re.Pattern[str]]] = (
    ("Edge", regex(r"\bEdg(?:e|A|iOS)?/(\d{1,4})")),
    ("Opera", regex(r"\bOPR/(\d{1,4})")),
    ("Firefox", regex(r"\b(?:Firefox|FxiOS)/(\d{1,4})")),
    ("Chrome", regex(r"\b(?:Headless)?(?:Chrome|CriOS)/(\d{1,4})")),
    ("Safari", regex(r"\bVersion/(\d{1,4})[\d.]* (?:Mobile/\w+ )?Safari/")),
)
_SYSTEMS: Sequence[tuple[str, str]] = (
    ("Android", "Android"),
    ("iOS", "iPhone"),
    ("iPadOS", "iPad"),
    ("ChromeOS", "CrOS"),
    ("Windows", "Windows"),
    ("macOS", "Mac OS X"),
    ("Linux", "Linux"),
)
