"""Regular expressions of modules, compiled when they are first used.

Compiling all of them took a tenth of what a server takes to load, and most are never asked for.
"""

import re
from typing import Any, AnyStr, cast

_ASKED = ("match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer")


class _Later:
    """Stands for a pattern, and has its methods for its own once it was compiled."""

    def __init__(self, text: object, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        """Raises re.error where the text is no regular expression."""
        if name.startswith("__"):
            raise AttributeError(name)
        made: Any = re.compile(self._text, self._flags)
        if name in _ASKED:
            self.__dict__.update((each, getattr(made, each)) for each in _ASKED)
        return getattr(made, name)

    def __repr__(self) -> str:
        return f"regex({self._text!r})"


def regex(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What `re.compile` gives, in effect: `text` is compiled when something is first asked of the pattern.

    For constants of modules. It is no `re.Pattern` as it runs, and an error in it shows as late.
    """
    return cast("re.Pattern[AnyStr]", _Later(text, flags))
