"""What a simulated runtime has outside: cases for services, stand-ins for keys, a home for a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from agentos_runtime.bootstrap import Outside, skill_folders
from agentos_runtime.cases.book import CaseBook
from agentos_runtime.cases.schema import CaseSchema
from agentos_runtime.cases.simulate import Chooser, Pause, SimulatedUpstream, no_pause
from agentos_runtime.cases.standins import EverythingApproved, StandInCredentials
from agentos_runtime.resources import read_schema
from agentos_runtime.settings import Settings
from agentos_runtime.skills import Registry
from agentos_runtime.vault import Vault


def simulation(
    *, pause: Pause = no_pause, chooser: Chooser | None = None, seen: Callable[[CaseBook], object] | None = None
) -> Callable[[Registry], Outside]:
    """For `open_runtime(outside=…)`: every call is answered by a case of the registry's skills.

    chooser: who picks the case, instead of the book. seen: is handed the book once there is one.
    """

    def outside(registry: Registry) -> Outside:
        book = CaseBook(registry, case_schema())
        if seen is not None:
            seen(book)
        vault = Vault(StandInCredentials(), EverythingApproved())
        return Outside(SimulatedUpstream(chooser or book, pause=pause), vault)

    return outside


def case_schema() -> CaseSchema:
    """The schema that ships with the runtime."""
    return CaseSchema(read_schema("case"))


@contextmanager
def home_for_a_while(settings: Settings) -> Iterator[Settings]:
    """The same skills in a home that is gone afterwards, so that nothing simulated stands among what is real."""
    folders = tuple(folder.path for folder in skill_folders(settings))
    with TemporaryDirectory(prefix="agentos-") as folder:
        yield replace(settings, home=Path(folder) / "home", skills=folders, keyring=False)
