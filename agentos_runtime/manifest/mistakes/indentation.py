"""Which line is not as far in as those beside it, where libyaml only sees that a later one does not fit."""

from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex

STEP = 2
_KEY = regex(r"( *)(?:[\w.$-]+|\"[^\"]*\"|'[^']*'):(?:\s|$)")
_OPENS = regex(r"[^#]*:\s*(?:#.*)?")


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    start: int

    @property
    def indent(self) -> int:
        return len(self.text) - len(self.text.lstrip(" "))

    @property
    def opens(self) -> bool:
        """Whether what belongs to its key stands on the lines below it."""
        return _OPENS.fullmatch(self.text) is not None


def outlier(text: str, offset: int) -> tuple[int, int] | None:
    """The offset of the line that is indented otherwise than those beside it, and as far as it should be.

    None where it is the line of `offset` itself, or cannot be told.
    """
    lines = _lines(text)
    here = next((at for at in range(len(lines) - 1, -1, -1) if lines[at].start <= offset), 0)
    if here < 2 or not _KEY.match(lines[here].text):
        return None
    misfit = _before(lines, here) or _owner(lines, here)
    return None if misfit is None else (misfit.start + misfit.indent, lines[here].indent)


def _lines(text: str) -> list[_Line]:
    found, at = [], 0
    for line in text.split("\n"):
        if line.strip() and not line.lstrip().startswith("#"):
            found.append(_Line(line, at))
        at += len(line) + 1
    return found


def _before(lines: list[_Line], here: int) -> _Line | None:
    """The line right above, when the one above that, and the step that is usual, agree with this one."""
    line, previous, above = lines[here], lines[here - 1], lines[here - 2]
    if not _KEY.match(previous.text) or previous.opens or previous.indent == line.indent:
        return None
    if above.opens and above.indent < min(line.indent, previous.indent):  # the first of its map
        usual = line.indent - above.indent == STEP and previous.indent - above.indent != STEP
        return previous if usual else None
    if previous.indent > line.indent:
        return None
    beside = next((one for one in reversed(lines[: here - 1]) if one.indent <= line.indent), None)
    return previous if beside is not None and beside.indent == line.indent else None


def _owner(lines: list[_Line], here: int) -> _Line | None:
    """A key that should stand below the empty one above it, as this line does."""
    line = lines[here]
    at = next((at for at in range(here - 1, 0, -1) if lines[at].indent < line.indent), 0)
    owner, empty = lines[at], lines[at - 1]
    if not at or not (owner.opens and empty.opens and owner.indent == empty.indent):
        return None
    return owner if lines[at + 1].indent > line.indent else None
