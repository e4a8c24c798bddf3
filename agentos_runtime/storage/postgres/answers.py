"""Answers as they stand sealed in the database, for who seals them anew. How a box begins tells its key."""

from collections.abc import Iterator

from agentos_runtime.frozen import dataclass
from agentos_runtime.storage.postgres.side import SideConnection

AT_ONCE = 20
"""Answers that are held at a time; one may have megabytes."""
LONGEST_BEGIN = 2 + 255


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """One of them."""

    id: bytes
    fingerprint: bytes
    fence: int
    box: bytes
    content_type: str | None
    more: int
    place: str | None


class SealedAnswers:
    """All of them. Methods raise DatabaseTrouble."""

    def __init__(self, side: SideConnection) -> None:
        self._side = side

    def begins(self) -> list[bytes]:
        """How each box begins."""
        return [bytes(row[0]) for row in self._side.execute(_BEGINS, (LONGEST_BEGIN,)).fetchall()]

    def other_than(self, begin: bytes) -> Iterator[SealedAnswer]:
        """Those whose boxes begin otherwise."""
        last = b""
        while rows := self._side.execute(_OTHERS, (len(begin), begin, last, AT_ONCE)).fetchall():
            for each in rows:
                last = bytes(each[0])
                yield SealedAnswer(last, bytes(each[1]), each[2], bytes(each[3]), each[4], each[5], each[6])

    def put(self, answer: SealedAnswer, box: bytes) -> bool:
        """The same answer in another box; False when it is there no more."""
        return self._side.execute(_PUT, (box, answer.id, answer.fence)).rowcount == 1


SEALED = 2
"""In `more`, of an answer that is sealed."""
_WHERE = f"FROM answer WHERE body IS NOT NULL AND more & {SEALED} <> 0"
_BEGINS = f"SELECT substring(body FROM 1 FOR ?) {_WHERE}"  # noqa: S608
_OTHERS = (
    f"SELECT id, fingerprint, fence, body, content_type, more, place {_WHERE}"  # noqa: S608
    " AND substring(body FROM 1 FOR ?) <> ? AND id > ? ORDER BY id LIMIT ?"
)
_PUT = f"UPDATE answer SET body = ? WHERE id = ? AND fence = ? AND more & {SEALED} <> 0"  # noqa: S608
