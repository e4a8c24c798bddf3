"""One look at a page: what is asked for, by whom, and how its times are shown."""

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime, tzinfo
from time import time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agentos_runtime.frozen import dataclass
from agentos_runtime.runtime.service import Runtime
from agentos_runtime.security.agents import Caller


@dataclass(frozen=True, slots=True)
class Visit:
    """path: the parts below `/console/`. root: the console's own address, relative to the page's."""

    runtime: Runtime
    caller: Caller
    path: tuple[str, ...]
    query: Mapping[str, str]
    zone: tzinfo
    root: str
    now: float = field(default_factory=time)

    @property
    def today(self) -> datetime:
        """Midnight in the visitor's zone."""
        return datetime.fromtimestamp(self.now, self.zone).replace(hour=0, minute=0, second=0, microsecond=0)

    @property
    def zone_name(self) -> str:
        return str(getattr(self.zone, "key", "UTC"))


def zone_of(name: str) -> tzinfo:
    """The zone of the name; UTC when it is not known here."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return UTC
