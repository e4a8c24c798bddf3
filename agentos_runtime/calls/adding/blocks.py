"""A provider's own blocks, put together for `stream.reply` and never passed on as deltas.

A piece with a `type` begins a block, at its `index` when it has one; others of that index go on with it: texts and
lists append, everything else is the last that was said.
"""

from dataclasses import field

from agentos_runtime.calls.adding.texts import DeltaError, hashable, listed, whole_text
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json


@dataclass(slots=True)
class _Block:
    values: dict[str, Json] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)

    def take(self, piece: dict[str, Json]) -> None:
        for key, value in piece.items():
            before = self.values.get(key)
            if key == "index" or value is None:
                continue
            if isinstance(value, str) and key != "type":
                self.texts.setdefault(key, []).append(value)
                self.values.setdefault(key, None)
            elif isinstance(value, list) and isinstance(before, list):
                self.values[key] = before + value
            else:
                self.texts.pop(key, None)
                self.values[key] = value

    def total(self) -> dict[str, Json]:
        return self.values | {key: whole_text("".join(pieces)) for key, pieces in self.texts.items()}


class Blocks:
    """The blocks of one reply, in order."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._at: dict[Json, _Block] = {}

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def take(self, value: Json) -> None:
        """Add pieces. Raises DeltaError."""
        for piece in listed("blocks", value):
            if not isinstance(piece, dict):
                raise DeltaError("a delta's blocks must be objects")
            index = hashable(piece.get("index"))
            block = None if index is None or piece.get("type") is not None else self._at.get(index)
            if block is None:
                block = _Block()
                self._blocks.append(block)
                if index is not None:
                    self._at[index] = block
            block.take(piece)

    def total(self) -> list[Json]:
        return [block.total() for block in self._blocks]
