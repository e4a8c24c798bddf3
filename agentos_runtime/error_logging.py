"""What goes wrong in work that must go on all the same."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager


class Troubles:
    """A sentence for each thing that fails, until it goes well again. Bugs are logged as `name`, once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: dict[str, str] = {}

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(self._told.values())

    @contextmanager
    def going_on(self, what: str) -> Iterator[None]:
        """Whatever is raised inside ends only the block, and is told as `what`."""
        trouble = None
        try:
            yield
        except OSError as error:
            trouble = f"{what}: {error.strerror or type(error).__name__}"
        except Exception as error:  # noqa: BLE001 - told and logged; what goes on must not end with it
            trouble = f"{what}: {self.bug(what, error, again=what in self._told)}"
        if trouble is None:
            self._told.pop(what, None)
        else:
            self._told[what] = trouble

    def bug(self, what: str, error: Exception, *, again: bool = False) -> str:
        """Log the kind of the error and where it was, never its text: it may quote what a file says."""
        if not again:
            where = "".join(traceback.format_tb(error.__traceback__))
            logging.getLogger(self._name).error("%s: %s\n%s", what, type(error).__name__, where)
        return f"a bug of agentos ({type(error).__name__}); its log has more"
