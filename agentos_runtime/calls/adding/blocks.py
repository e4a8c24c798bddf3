"""A provider's own blocks, put together for `stream.reply` and never passed on as deltas.

A piece with a `type` begins a block, at its `index` when it has one; others of that index go on with it, and texts
and lists without one with the block begun last. Texts and lists append, `input_json` as the arguments of a call do,
everything else is the last that was said.
"""

from dataclasses import field

from agentos_runtime.calls.adding.arguments import Arguments
from agentos_runtime.calls.adding.texts import DeltaError, hashable, listed, whole_text
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json

_ARGUMENTS = "input_json"


@dataclass(slots=True)
class _Block:
    values: dict[str, Json] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    arguments: Arguments | None = None

    def take(self, piece: dict[str, Json]) -> None:
        for key, value in piece.items():
            before = self.values.get(key)
            if key == "index" or value is None:
                continue
            if isinstance(value, str) and key != "type":
                value = self._argument(value) if key == _ARGUMENTS and value else value
                self.texts.setdefault(key, []).append(value)
                self.values.setdefault(key, None)
            elif isinstance(value, list) and isinstance(before, list):
                self.values[key] = before + value
            else:
                self.texts.pop(key, None)
                self.values[key] = value

    def total(self) -> dict[str, Json]:
        texts = {key: "".join(pieces) for key, pieces in self.texts.items()}
        if self.arguments is not None:
            texts[_ARGUMENTS] += self.arguments.rest()
        return self.values | {key: whole_text(text) for key, text in texts.items()}

    def _argument(self, text: str) -> str:
        if self.arguments is None:
            self.arguments = Arguments()
        return self.arguments.take(text)


class Blocks:
    """The blocks of one reply, in order."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._at: dict[Json, _Block] = {}
        self._last: _Block | None = None
        """The block begun last."""

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def take(self, value: Json) -> None:
        """Add pieces. Raises DeltaError."""
        for piece in listed("blocks", value):
            if not isinstance(piece, dict):
                raise DeltaError("a delta's blocks must be objects")
            index = hashable(piece.get("index"))
            block = None if piece.get("type") is not None else self._begun(index, piece)
            if block is None:
                block = _Block()
                self._blocks.append(block)
                self._last = block
                if index is not None:
                    self._at[index] = block
            block.take(piece)

    def _begun(self, index: Json, piece: dict[str, Json]) -> _Block | None:
        """The block that a piece goes on with."""
        if index is not None:
            return self._at.get(index)
        return self._last if any(isinstance(value, (str, list)) for value in piece.values()) else None

    def total(self) -> list[Json]:
        return [block.total() for block in self._blocks]
