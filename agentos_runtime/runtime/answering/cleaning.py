"""Secrets stay out of streams too, also when an upstream echoes one cut in pieces."""

from agentos_runtime.calls.adding.texts import Channel
from agentos_runtime.runtime.results import Results
from agentos_runtime.security.credentials.redactor import StreamRedactor


class CleanTexts:
    """Cleans the texts that go on from delta to delta before they are added up and passed on.

    Each has a redactor of its own, which may hold its end back until the text ends. Everything else can only hold a
    secret whole, and is cleaned with the event that it leaves in.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._redactors: dict[Channel, StreamRedactor] = {}

    def begin(self, channel: Channel) -> StreamRedactor:
        """A text begins: gives what cleans its pieces."""
        redactor = self._redactors[channel] = self._results.stream()
        return redactor

    def end(self, channel: Channel, *, cut: bool = False) -> str:
        """What was held back of a text that does not go on; cut: although more was to follow."""
        redactor = self._redactors.pop(channel, None)
        return redactor.flush(cut=cut) if redactor else ""
