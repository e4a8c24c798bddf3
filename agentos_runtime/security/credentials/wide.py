"""Bytes that arrive in pieces, without secrets: in UTF-16 and UTF-32 a secret is none of its bytes in UTF-8."""

import codecs
from collections.abc import Callable

from agentos_runtime.calls.formats.charsets import WIDE_MARKS, wide_charset
from agentos_runtime.security.credentials.redactor import StreamRedactor


class BytesRedactor:
    """Cleans an answer that is handed on as bytes; what says that it is a text in UTF-16 or UTF-32 as that, too: it
    may be none.
    """

    def __init__(self, redactor: StreamRedactor, content_type: str) -> None:
        self._redactor = redactor
        self._content_type = content_type
        self._begin = b""
        self._feed: Callable[[bytes], bytes] = self._first
        self._flush: Callable[[], bytes] = self._only

    def feed(self, more: bytes) -> bytes:
        """What can be passed on now."""
        return self._feed(more)

    def flush(self) -> bytes:
        """What was held back, at the end."""
        return self._flush()

    def _first(self, more: bytes) -> bytes:
        begin = self._begin + more
        if any(len(begin) < len(mark) and mark.startswith(begin) for mark in WIDE_MARKS):
            self._begin = begin
            return b""
        self._decide(begin)
        return self.feed(begin)

    def _only(self) -> bytes:
        """The end of what was too short to tell what it is."""
        begin, self._begin = self._begin, b""
        self._decide(begin)
        return self.feed(begin) + self.flush()

    def _decide(self, begin: bytes) -> None:
        name = wide_charset(begin, self._content_type)
        if name is None:
            self._feed, self._flush = self._redactor.feed_bytes, self._redactor.flush_bytes
        else:
            wide, plain = _Wide(self._redactor.another(), name), self._redactor
            self._feed = lambda more: plain.feed_bytes(wide.feed(more))
            self._flush = lambda: plain.feed_bytes(wide.flush()) + plain.flush_bytes()


class _Wide:
    """The same of a text in this charset; from where it is none on, of mere bytes."""

    def __init__(self, redactor: StreamRedactor, name: str) -> None:
        self._redactor = redactor
        self._name = name
        self._decoder = codecs.getincrementaldecoder(name)("surrogatepass")
        self._is_text = True

    def feed(self, more: bytes) -> bytes:
        if not self._is_text:
            return self._redactor.feed_bytes(more)
        pending, _ = self._decoder.getstate()
        try:
            return self._encoded(self._redactor.feed(self._decoder.decode(more)))
        except UnicodeDecodeError:
            return self._end_of_text() + self._redactor.feed_bytes(pending + more)

    def flush(self) -> bytes:
        if not self._is_text:
            return self._redactor.flush_bytes()
        pending, _ = self._decoder.getstate()
        return self._end_of_text() + pending

    def _end_of_text(self) -> bytes:
        self._is_text = False
        return self._encoded(self._redactor.flush())

    def _encoded(self, text: str) -> bytes:
        return text.encode(self._name, "surrogatepass")
