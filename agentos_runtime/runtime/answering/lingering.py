"""Whether a stream that told its end has told all: some services say no end mark and keep the connection open."""

import math
from collections.abc import Sequence

from agentos_runtime.calls.accumulate import Accumulator
from agentos_runtime.calls.deltas import StreamPlan, is_complete_when_cut, soon_ends
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.ports import OpenUpstream

FOR_MORE = 2.0
"""Seconds in which more may come behind a chat's end and its usage, or behind an `end` that is soon; an end mark
travels right behind them."""
FOR_USAGE = 10.0
"""Seconds in which the usage may come behind a chat's end."""
_WORDS = ("content", "reasoning", "refusal", "tool_calls", "reasoning_details", "audio", "images", "blocks")


class Lingering:
    """Hears what the events of a stream became, and lets its answer end soon when it has told its end.

    Of a chat an end counts behind which no words came. One that stands beside words counts where others came before
    without one: some services say in each event of a chat that it ended.
    """

    def __init__(self, plan: StreamPlan, accumulator: Accumulator, upstream: OpenUpstream) -> None:
        self._plan = plan
        self._accumulator = accumulator
        self._upstream = upstream
        self._is_chat = plan.stream.accumulate == "chat"
        self.has_ended = False
        self.may_end = False
        """Whether what is no chat may end at any time and is whole then, as its manifest says."""
        self._has_spoken = False
        self._is_over = False
        self._goes_on = False

    def hear(self, outputs: Sequence[Json]) -> None:
        """outputs: what the stream's program gave for some events, a list for each; they are added up."""
        if not self._is_chat:
            self._hear_of_end(outputs)
            return
        is_said = False
        for output in outputs:
            for delta in output if isinstance(output, list) else ():
                if not isinstance(delta, dict) or (self._has_spoken and not self.has_ended and not _ends(delta)):
                    continue  # nearly all of them
                if any(delta.values()):
                    is_said = True
                    self._hear(delta)
        if not is_said or not self.has_ended:
            return
        if self._is_over and not self._goes_on:
            has_usage = is_complete_when_cut(self._plan, self._accumulator.total())
            self._upstream.hurry(FOR_MORE if has_usage else FOR_USAGE)
        else:
            self._upstream.hurry(math.inf)

    def _hear_of_end(self, outputs: Sequence[Json]) -> None:
        ends = soon_ends(self._plan, outputs)
        self.may_end = self.may_end or any(ends)
        if self.may_end and ends:
            self._upstream.hurry(FOR_MORE if ends[-1] else math.inf)

    def _hear(self, delta: dict[str, Json]) -> None:
        speaks = any(map(delta.get, _WORDS))
        self._goes_on = self._goes_on or (speaks and self.has_ended)
        self.has_ended = self.has_ended or _ends(delta)
        self._is_over = self.has_ended and (not speaks or self._has_spoken)
        self._has_spoken = self._has_spoken or (speaks and not self.has_ended)


def _ends(delta: dict[str, Json]) -> bool:
    return bool(delta.get("stop_reason") or delta.get("native_stop_reason"))
