"""The two requests of a call that streams: the plain one, and the one that asks for a stream."""

from dataclasses import replace

from agentos_runtime.manifest.model import Rest
from agentos_runtime.manifest.requests.merging import headers_over, query_over


def streamed(rest: Rest) -> Rest:
    """The call as it is made when a stream is asked for: with the address, headers and query that `stream` says.

    The call itself when `stream` says none of them. What `stream.body` says stays where it is: it is merged into a
    body when that is made.
    """
    stream = rest.stream
    if stream is None or (stream.url is None and not stream.headers.entries and not stream.query.entries):
        return rest
    url = stream.url or rest.url
    query = query_over(stream.query, rest.query, stream.url) if stream.url else query_over(stream.query, rest.query)
    return replace(
        rest,
        url=url,
        url_place=stream.url_place or rest.url_place,
        headers=headers_over(stream.headers, rest.headers),
        query=query,
    )


def requests_of(rest: Rest) -> tuple[Rest, ...]:
    """The call, and the one that asks for a stream where that is another request."""
    other = streamed(rest)
    return (rest,) if other is rest else (rest, other)
