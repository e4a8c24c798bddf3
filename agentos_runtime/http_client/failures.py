"""What goes wrong on the way, as errors a caller can act on: mapped here alone, most specific first.

No text of a foreign exception is passed on: they may hold urls with their queries, headers, and pieces of bodies.
"""

import os
from collections.abc import Callable
from typing import Any, TypeAlias

from agentos_runtime.calls.messages import SAFE_METHODS
from agentos_runtime.errors import (
    AgentOSError,
    InvalidParams,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from agentos_runtime.frozen import dataclass
from agentos_runtime.http_client.addresses import PrivateAddress
from agentos_runtime.http_client.decoding import DecodingError, Incomplete
from agentos_runtime.http_client.faults import (
    PROXY_ASKS,
    BadHeader,
    BadHost,
    CertificateRefused,
    ConnectTooSlow,
    HandshakeFailed,
    Lost,
    Malformed,
    NameUnknown,
    NotConnected,
    ProxyRefused,
    ProxyUnreachable,
    WireError,
)
from agentos_runtime.http_client.routes import leads_inside

CAUGHT = (WireError, DecodingError)
"""What a send or read may raise; everything else is a bug."""


class TooLarge(WireError):
    """The decoded body is larger than the bound."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the answer is larger than {limit} bytes (AGENTOS_MAX_REPLY)")


class UnknownName(WireError):
    """The name was not found here, and the proxy may find it anywhere."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed send."""

    error: AgentOSError
    sent: bool
    """Bytes of the request may have left."""

    @property
    def connection(self) -> bool:
        """The connection failed, not the content: another try may do."""
        return isinstance(self.error, (UpstreamUnreachable, UpstreamTruncated))


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was going on when it failed."""

    origin: str
    method: str
    answering: bool
    """The head of the answer had arrived."""


def failure(error: BaseException, circumstances: Circumstances) -> Failure:
    """The failure behind one of CAUGHT."""
    for kind, make in _TABLE:
        if isinstance(error, kind):
            return make(error, circumstances)
    return _lost(error, circumstances)


def timed_out(origin: str, method: str, seconds: float) -> UpstreamTimeout:
    error = UpstreamTimeout(f"{origin} did not answer within {seconds:g} s.{_warning(method)}")
    error.may_have_arrived = True
    return error


def idle_too_long(origin: str, seconds: float) -> UpstreamTimeout:
    return UpstreamTimeout(f"{origin} sent nothing for {seconds:g} s in the middle of a stream; it was closed.")


def _warning(method: str) -> str:
    return "" if method in SAFE_METHODS else " The request may have been processed: check before you repeat it."


def _unsent(reason: str) -> Callable[[Any, Circumstances], Failure]:
    return lambda error, at: Failure(UpstreamUnreachable(f"{at.origin} cannot be reached: {reason}"), sent=False)


def _certificate(error: CertificateRefused, at: Circumstances) -> Failure:
    reason = (
        f"its certificate is refused ({error.detail}). If your own authority signed it, name that in SSL_CERT_FILE."
    )
    return _unsent(reason)(error, at)


def _proxy_refused(error: ProxyRefused, at: Circumstances) -> Failure:
    remedy = " Write the name and password there: http://name:password@…" if error.status == PROXY_ASKS else ""
    return _unsent(f"the proxy (AGENTOS_PROXY) answered {error.status} instead of connecting.{remedy}")(error, at)


def _not_connected(error: NotConnected, at: Circumstances) -> Failure:
    if isinstance(error.cause, PrivateAddress):
        return Failure(leads_inside(at.origin), sent=False)
    number = error.cause.errno
    return _unsent(f"{os.strerror(number) if number else 'no connection'}. Check the address and the network.")(
        error, at
    )


def _closed(error: Lost, at: Circumstances) -> Failure:
    return _lost(error, Circumstances(at.origin, at.method, error.begun or at.answering))


def _lost(error: BaseException, at: Circumstances) -> Failure:
    if at.answering:
        return _truncated(error, at)
    text = f"{at.origin} closed the connection before it answered.{_warning(at.method)}"
    return Failure(UpstreamUnreachable(text), sent=True)


def _truncated(error: BaseException, at: Circumstances) -> Failure:
    text = f"{at.origin} stopped in the middle of its answer.{_warning(at.method)}"
    return Failure(UpstreamTruncated(text), sent=True)


def _invalid(reason: str) -> Callable[[Any, Circumstances], Failure]:
    return lambda error, at: Failure(
        UpstreamInvalid(f"The answer of {at.origin} cannot be used: {reason}.{_warning(at.method)}"), sent=True
    )


def _own_words(error: BaseException, at: Circumstances) -> Failure:
    return _invalid(str(error))(error, at)


def _bad_header(error: BaseException, at: Circumstances) -> Failure:
    text = f"A header of this call to {at.origin} holds a character that no header may hold, such as a line break"
    return Failure(InvalidParams(text), sent=False)


_Make: TypeAlias = Callable[[Any, Circumstances], Failure]
_TABLE: tuple[tuple[type[BaseException], _Make], ...] = (
    (CertificateRefused, _certificate),
    (HandshakeFailed, _unsent("the TLS handshake failed. Does it speak https?")),
    (BadHost, _unsent("its host is neither a name nor an address.")),
    (NameUnknown, _unsent("its name is not known. Check the spelling and the network.")),
    (ProxyUnreachable, _unsent("the proxy (AGENTOS_PROXY) does not answer.")),
    (ProxyRefused, _proxy_refused),
    (NotConnected, _not_connected),
    (ConnectTooSlow, _unsent("no connection within 10 s. Check the address and the network.")),
    (Lost, _closed),
    (Malformed, _invalid("it is not HTTP/1.1, or its head is too large")),
    (BadHeader, _bad_header),
    (Incomplete, _truncated),
    (DecodingError, _own_words),
    (
        UnknownName,
        _unsent(
            "its name is not known here, so nobody can tell where the proxy would go. Check the spelling and the "
            "network; where only the proxy knows names, set AGENTOS_PROXY_RESOLVES=true."
        ),
    ),
    (TooLarge, _own_words),
)
