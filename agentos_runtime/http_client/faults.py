"""What can go wrong between here and an upstream, before it has words for a caller.

None of these holds a url, a header or a piece of a body.
"""


class WireError(Exception):
    """A connection or an answer failed."""


class NameUnknown(WireError):
    """The host's name has no address."""


class BadHost(WireError):
    """The host is a number that only some would take for an address."""


class NotConnected(WireError):
    """No address of the host could be connected; `cause` is the last reason."""

    def __init__(self, cause: OSError) -> None:
        super().__init__("no connection")
        self.cause = cause


class ConnectTooSlow(WireError):
    """No connection within the time for one."""


class CertificateRefused(WireError):
    """The upstream's certificate is not trusted, or is for another name; `detail` is OpenSSL's reason."""

    def __init__(self, detail: str) -> None:
        super().__init__("certificate refused")
        self.detail = detail


class HandshakeFailed(WireError):
    """TLS could not be agreed on."""


class ProxyUnreachable(WireError):
    """The proxy could not be connected."""


PROXY_ASKS = 407
"""The status by which a proxy asks who calls; no service has it."""


class ProxyRefused(WireError):
    """The proxy answered with `status` instead of connecting, or of asking the peer."""

    def __init__(self, status: int) -> None:
        super().__init__("the proxy refused")
        self.status = status


class Lost(WireError):
    """The connection ended, or was reset, before the answer did; `begun` when its status line had arrived."""

    def __init__(self, *, begun: bool) -> None:
        super().__init__("connection lost")
        self.begun = begun


class Malformed(WireError):
    """What came is not HTTP/1.1, breaks its rules, or has too large a head."""


class TooManyInterim(Malformed):
    """1xx responses without end."""


class BadHeader(WireError):
    """A header of the request holds a character that none may hold."""
