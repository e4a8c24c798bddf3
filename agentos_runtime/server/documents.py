"""What is shown of the skills, written once per change: as bytes, packed, with an ETag."""

import gzip
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from hashlib import sha256

from agentos_runtime import jsontext
from agentos_runtime.errors import InvalidParams, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import EXTRAS
from agentos_runtime.regexes import regex
from agentos_runtime.server.messages import NEVER, Response
from agentos_runtime.storage.file_threads import aside

MOST_KEPT = 64 * 1024 * 1024
"""Bytes of all documents that are kept, the packed ones included."""
MOST_DOCUMENTS = 100
WORTH_PACKING = 1400
"""Bytes; less fits into one packet as it is."""
SOMETIMES = frozenset({*EXTRAS, "problems", "stale"})
"""What only some skills have."""
QUICK = 64 * 1024
"""Bytes that are packed at once; more is packed beside the event loop."""


@dataclass(slots=True)
class Document:
    """One version of what is shown."""

    version: Hashable
    body: bytes
    tag: bytes
    packed: bytes | None = None

    @property
    def size(self) -> int:
        return len(self.body) + len(self.packed or b"")


class Documents:
    """Keeps what was written last under each key, for as long as its version is the newest."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Document] = OrderedDict()

    async def answer(
        self, headers: Mapping[bytes, bytes], key: Hashable, version: Hashable, write: Callable[[], Json]
    ) -> Response:
        """200 with the document, gzip where the request takes it, or 304 when it says that it has this one.

        headers: the request's. key, version: equal for equal documents; a version of None is never kept.
        write: makes the document.
        """
        document = self._kept.get(key)
        if version is None or document is None or document.version != version:
            body = jsontext.dump(write())
            document = Document(version, body, b'W/"%s"' % sha256(body).hexdigest()[:32].encode())
        about = (_VARIES, (b"etag", document.tag))
        if names_tag(headers.get(b"if-none-match", b""), document.tag):
            answer = Response(b"", 304, headers=about)
        elif len(document.body) >= WORTH_PACKING and takes_gzip(headers.get(b"accept-encoding", b"")):
            if document.packed is None:
                document.packed = await _packed(document.body)
            answer = Response(document.packed, headers=(*about, (b"content-encoding", b"gzip")))
        else:
            answer = Response(document.body, headers=about)
        if version is not None:
            self._keep(key, document)
        return answer

    def _keep(self, key: Hashable, document: Document) -> None:
        self._kept[key] = document
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_DOCUMENTS or sum(each.size for each in self._kept.values()) > self._most:
            self._kept.popitem(last=False)


async def _packed(body: bytes) -> bytes:
    work = partial(gzip.compress, body, 5, mtime=0)
    return work() if len(body) <= QUICK else await aside(work)


def names_tag(if_none_match: bytes, tag: bytes) -> bool:
    """Whether an `If-None-Match` names the tag (RFC 9110, 13.1.2: weakly compared), or is `*`."""
    if if_none_match.strip() == b"*":
        return True
    return tag.removeprefix(b"W/") in (found[1] for found in _TAG.finditer(if_none_match))


def takes_gzip(accept_encoding: bytes) -> bool:
    """Whether an `Accept-Encoding` takes gzip (RFC 9110, 12.5.3): named, or covered by `*`, and not with `q=0`."""
    weights: dict[bytes, bool] = {}
    for entry in accept_encoding.lower().split(b","):
        coding, *params = (part.strip() for part in entry.split(b";"))
        weights[coding] = not any(NEVER.fullmatch(param) for param in params)
    return weights.get(b"gzip", weights.get(b"x-gzip", weights.get(b"*", False)))


def chosen(document: Mapping[str, Json], fields: str) -> dict[str, Json]:
    """The named parts of a skill: `name,utilities`, or `utilities.description` for that of each utility.

    A part that only some skills have is left out where it is not there. Raises InvalidParams for other names.
    """
    known = {*document, *SOMETIMES}
    problems = []
    shown: dict[str, Json] = {}
    below: dict[str, list[str]] = {}
    for name in dict.fromkeys(filter(None, (each.strip() for each in fields.split(",")))):
        outer, dot, inner = name.partition(".")
        if dot and outer == "utilities" and _has_below(document[outer], inner):
            below.setdefault(outer, []).append(inner)
        elif outer in document and not dot:
            shown[outer] = document[outer]
        elif (dot or outer not in known) and document["state"] != "broken":
            listed = ", ".join(sorted(known))
            problems.append(ParamProblem("fields", f"{name!r} is not known; known: {listed}, utilities.<key>"))
    if problems:
        raise InvalidParams("The query names fields that a skill does not have.", problems=problems)
    for outer, keys in below.items():
        shown.setdefault(outer, _cut(document[outer], keys))
    return {name: shown[name] for name in document if name in shown}


def _has_below(utilities: Json, key: str) -> bool:
    """Whether every utility has the key."""
    each = utilities.values() if isinstance(utilities, dict) else ({},)
    return all(isinstance(one, dict) and key in one for one in each)


def _cut(utilities: Json, keys: list[str]) -> Json:
    assert isinstance(utilities, dict)
    return {
        name: {key: value for key, value in each.items() if key in keys} if isinstance(each, dict) else each
        for name, each in utilities.items()
    }


_TAG = regex(rb'(?:W/)?("[^"]*")')
_VARIES = (b"vary", b"Accept-Encoding, Authorization")
