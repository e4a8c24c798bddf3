"""The head of a request, as bytes."""

from collections.abc import Iterator

from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.http_client.faults import BadHeader
from agentos_runtime.http_client.routes import Destination
from agentos_runtime.regexes import regex
from agentos_runtime.version import __version__

_USUAL = (("User-Agent", f"agentos-runtime/{__version__}"), ("Accept-Encoding", "gzip"))
_NAME = regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_A_VALUE = regex(r"[\x00-\x08\x0a-\x1f\x7f]")
_WITH_A_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Methods that say so when they have none (RFC 9110, 8.6): some services want a length from each of them."""
_LENGTH = b"Content-Length: %d\r\n\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
_KEPT = 2
"""Beginnings that are kept for each place: of plain calls and of streams."""
_SHORT = 1024
"""Bytes of one that is kept."""


def head_of(request: UpstreamRequest, destination: Destination) -> bytes:
    """Request line and headers; those of the request replace the usual ones. Raises BadHeader.

    Most requests to a place begin as the last one did: all but the length is made once.
    """
    known = (request.method, request.headers)
    opening = destination.heads.get(known)
    if opening is None:
        opening = _opening(request, destination)
        if len(opening) <= _SHORT:
            if len(destination.heads) >= _KEPT:
                destination.heads.clear()
            destination.heads[known] = opening
    if request.upload is not None:
        length = request.upload.length
        return opening + (_CHUNKED if length is None else _LENGTH % length)
    if request.body is not None or request.method in _WITH_A_BODY:
        return opening + _LENGTH % len(request.body or b"")
    return opening + b"\r\n"


def _opening(request: UpstreamRequest, destination: Destination) -> bytes:
    """All that stands before the length."""
    lines = [f"{request.method} {destination.target} HTTP/1.1", f"Host: {destination.peer.authority}"]
    lines += _fields(request, destination)
    try:
        return "\r\n".join([*lines, ""]).encode()
    except UnicodeEncodeError:
        raise BadHeader("a header is no text") from None


def _fields(request: UpstreamRequest, destination: Destination) -> Iterator[str]:
    own = {name.lower() for name, _ in request.headers}
    for name, value in _USUAL:
        if name.lower() not in own:
            yield f"{name}: {value}"
    names, values = [name for name, _ in request.headers], [value for _, value in request.headers]
    if names and (not all(names) or not _NAME.fullmatch("".join(names)) or _NOT_IN_A_VALUE.search("".join(values))):
        raise BadHeader("a header cannot be sent")
    for name, value in request.headers:
        yield f"{name}: {value}"
    if "accept" not in own:
        yield "Accept: */*"
    if destination.proxy is not None and destination.proxy.authorization and not destination.peer.tls:
        yield f"Proxy-Authorization: {destination.proxy.authorization}"
