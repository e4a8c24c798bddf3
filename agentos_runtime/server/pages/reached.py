"""How the server is reached, as what it shows of itself says."""

from agentos_runtime.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Reached:
    """How the server is reached."""

    public_url: str | None = None
    """The url that callers use; None = as each request says."""
    needs_token: bool = False
    """Whether every call needs a token."""
    open_figures: bool = False
    """Whether programs of this machine read figures without one."""
