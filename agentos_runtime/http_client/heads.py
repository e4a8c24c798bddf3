"""The head of a request, as bytes."""

import re
from collections.abc import Iterator

from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.http_client.faults import BadHeader
from agentos_runtime.http_client.routes import Destination
from agentos_runtime.version import __version__

_USUAL = (("User-Agent", f"agentos-runtime/{__version__}"), ("Accept-Encoding", "gzip"))
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_A_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_WITH_A_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Methods that say so when they have none (RFC 9110, 8.6): some services want a length from each of them."""


def head_of(request: UpstreamRequest, destination: Destination) -> bytes:
    """Request line and headers; those of the request replace the usual ones. Raises BadHeader."""
    lines = [f"{request.method} {destination.target} HTTP/1.1", f"Host: {destination.peer.authority}"]
    lines += _fields(request, destination)
    try:
        return "\r\n".join([*lines, "", ""]).encode()
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
    if request.upload is not None:
        length = request.upload.length
        yield "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    elif request.body is not None or request.method in _WITH_A_BODY:
        yield f"Content-Length: {len(request.body or b'')}"
