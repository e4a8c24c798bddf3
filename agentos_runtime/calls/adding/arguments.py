"""Pieces of one call's arguments, also where a service tells with each piece all that it has told so far.

JSON does not go on with all that it began with, except where a value begins (`{"a":` and `{"a":1}`) or a key
(`{"` and `{" `): there a piece waits until what follows, or the end, shows which it was. `{}` at the beginning may
only hold a place.
"""

from agentos_runtime.jsontext import JsonTextError, dump, is_json, parse

_NONE = "{}"
_BEFORE_A_VALUE = (":", ",", "[")


class Arguments:
    """What came of one call's arguments."""

    __slots__ = ("_pieces", "_said", "_size", "_unsure")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        """What was told."""
        self._size = 0
        """Characters of it."""
        self._unsure: list[str] = []
        """What waits: `{}` at the beginning, or pieces of which each begins with the one before."""
        self._said = ""
        """What the last piece told, where each tells all so far."""

    def __bool__(self) -> bool:
        return bool(self._pieces or self._unsure)

    def take(self, text: str) -> str:
        """What can be told now that a piece came."""
        if self._said:
            return self._tell(self._more_of(text))
        if self._unsure:
            return self._go_on(text)
        if not self._pieces and text.strip() == _NONE:
            self._unsure.append(text)
            return ""
        if not self._pieces or text[0] not in '{"':
            return self._tell(text)
        return self._again(text)

    def end(self) -> str:
        """What waited, now that nothing follows."""
        rest, self._unsure = self.rest(), []
        return self._tell(rest)

    def rest(self) -> str:
        """What waits, as it is told where nothing follows."""
        if not self._pieces or not self._unsure:
            return "".join(self._unsure)
        whole = "".join(self._pieces)
        appended, last = "".join(self._unsure), self._unsure[-1]
        return last[len(whole) :] if _is_json(last) and not _is_json(whole + appended) else appended

    @property
    def placeholder(self) -> str:
        """`{}` where nothing else came."""
        return "" if self._pieces else "".join(self._unsure)

    @property
    def is_complete(self) -> bool:
        """Whether what came is JSON."""
        return bool(self) and _is_json("".join(self._pieces) + self.rest())

    def is_said_again(self, text: str) -> bool:
        """Whether a piece is all of complete arguments once more, however it is written."""
        whole = "".join(self._pieces) + self.rest()
        if text in (whole, dump(whole).decode()):
            return _is_json(whole)
        if not text.rstrip().endswith("}") or 2 * len(text) < len(whole):
            return False
        try:
            return parse(_bytes(text)) == parse(_bytes(whole))
        except JsonTextError:
            return False

    def _tell(self, text: str) -> str:
        if text:
            self._pieces.append(text)
            self._size += len(text)
        return text

    def _again(self, text: str) -> str:
        """The same of a piece that may say once more what was told: all of it, as a text, or that there is none."""
        if text.strip() == _NONE and self.is_complete:
            return ""
        if self._pieces[0][0] != "{" or 2 * len(text) < self._size:  # as most are, of long ones
            return self._tell(text)
        if self.is_said_again(text):
            return ""
        whole = "".join(self._pieces)
        may_be_key = "".join(whole.split()) == '{"'
        more = text[len(whole) :].lstrip()
        if not text.startswith(whole) or (may_be_key and more.startswith(":")):
            return self._tell(text)  # the key of an object may be a brace, as in `{"` and `{": 1}`
        if whole.rstrip().endswith(_BEFORE_A_VALUE) or (may_be_key and not more):
            self._unsure.append(text)
            return ""
        self._said = text
        return self._tell(text[len(whole) :])

    def _go_on(self, text: str) -> str:
        """The same where something waits."""
        if (text.strip() == _NONE and self.is_complete) or text == dump(_NONE).decode():
            return ""
        last = self._unsure[-1]
        if not self._pieces:
            if text.lstrip().startswith("{"):
                self._unsure = []
            return self.end() + self._tell(text)
        if not text.startswith(last):
            waiting, self._unsure = "".join(self._unsure), []
            return self._tell(waiting) + self._tell(text)
        if last.rstrip().endswith(_BEFORE_A_VALUE):
            self._unsure.append(text)
            return ""
        self._unsure, self._said = [], text
        return self._tell(text[len("".join(self._pieces)) :])

    def _more_of(self, text: str) -> str:
        """What a piece says more than the one before, where each tells all so far."""
        before = self._said
        if before.startswith(text) or text in (_NONE, dump(before).decode()):
            return ""
        more = text.removeprefix(before)
        self._said = before + more
        return more


def _is_json(text: str) -> bool:
    return is_json(_bytes(text))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
