"""Whether a chat that told its end has told all: some services say no end mark and keep the connection open."""

from collections.abc import Sequence

from agentos_runtime.jsontext import Json

FOR_MORE = 2.0
"""Seconds in which more may come behind a chat's end and its usage; an end mark travels right behind them."""
FOR_USAGE = 10.0
"""Seconds in which the usage may come behind a chat's end."""
_WORDS = ("content", "reasoning", "refusal", "tool_calls", "reasoning_details", "audio", "images", "blocks")
_ENDS = ("stop_reason", "native_stop_reason")


class Lingering:
    """Hears what the events of a chat became.

    An end counts behind which no words came, and which stood in an event without words: some services say that a
    chat ended in each of its events.
    """

    def __init__(self) -> None:
        self.has_ended = False
        self._is_over = False
        self._goes_on = False

    def hear(self, outputs: Sequence[Json]) -> bool | None:
        """Whether nothing but the end mark, and perhaps the usage, is missing; None where nothing was said.

        outputs: what the stream's program gave for some events, a list for each.
        """
        is_said = False
        for output in outputs:
            for delta in output if isinstance(output, list) else ():
                if isinstance(delta, dict) and any(delta.values()):
                    is_said = True
                    self._hear(delta)
        return self._is_over and not self._goes_on if is_said else None

    def _hear(self, delta: dict[str, Json]) -> None:
        speaks = any(delta.get(key) for key in _WORDS)
        self._goes_on = self._goes_on or (speaks and self.has_ended)
        self.has_ended = self.has_ended or any(delta.get(key) for key in _ENDS)
        self._is_over = self.has_ended and not speaks
