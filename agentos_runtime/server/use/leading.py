"""Where a service leads its client on: through this server again, as far as it leads to itself."""

from collections.abc import Mapping

from starlette.types import Scope

from agentos_runtime.frozen import dataclass
from agentos_runtime.proxy.targets import Target, beyond_use
from agentos_runtime.regexes import regex

AS_GIVEN = b"as-given"
_ADDRESS = regex(r"<([^<>]+)>")
"""In a `Link` (RFC 8288, 3)."""


@dataclass(frozen=True, slots=True)
class Leading:
    """The headers of an answer that hold an address, as the client of one call is to read them."""

    called: Target
    asked_at: str
    """The path of the request."""
    base: str | None
    """How the server is reached, without a slash at the end; None = the client wants them as they were given."""

    @classmethod
    def of(cls, scope: Scope, called: Target, public_url: str | None, headers: Mapping[bytes, bytes]) -> "Leading":
        base = public_url or f"http://{headers.get(b'host', b'').decode('latin-1').lower()}"
        given = headers.get(b"x-agentos-addresses") == AS_GIVEN
        return cls(called, scope["raw_path"].decode("latin-1"), None if given else base.rstrip("/"))

    def led(self, name: str, text: str) -> str:
        """The value of a header of that name, which is lower case."""
        if self.base is None:
            return text
        if name == "location" and (path := beyond_use(self.called, text)) is not None:
            return "../" * (self.asked_at.count("/") - 1) + f"use/{path}"  # a proxy may put a path in front
        if name == "link":  # clients look for whole addresses there
            return _ADDRESS.sub(lambda found: f"<{self._whole(found[1])}>", text)
        return self._whole(text) if name == "x-goog-upload-url" else text

    def _whole(self, text: str) -> str:
        path = beyond_use(self.called, text)
        return text if path is None else f"{self.base}/use/{path}"
