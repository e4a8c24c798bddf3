"""The sessions of the console: browsers that were let in. `console.json` (0600) holds hashes of their keys only."""

import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from agentos_runtime.console.access.tickets import digest_of
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, parse
from agentos_runtime.storage.private_files import PrivateFile, PrivateFileError, Stamp, refuse_newer

IDLE = 12 * 3600.0
"""Seconds without a request after which a session has ended."""
LONGEST = 7 * 86400.0
"""Seconds after which it has ended in any case."""
MOST_SESSIONS = 50
"""The oldest one ends when there are more."""
_NOTED_EVERY = 600.0
"""Seconds; the file is not written for every request."""
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Session:
    """One browser. Times in epoch seconds."""

    digest: str
    """Of its key."""
    label: str
    began: float
    used: float
    ticket: str | None = None
    """The digest of the ticket that began it; None when the operator's token did."""
    under: str | None = None
    """The digest of the operator's token then; None when none was set."""

    def as_json(self) -> dict[str, Json]:
        return {name: getattr(self, name) for name in _FIELDS}


def at_once(work: Callable[[], None]) -> None:
    """Do it here and now."""
    work()


class Sessions:
    """The sessions of one home, read again when the file changes.

    operator_token: that of the settings; a session that began under another one has ended. clock: epoch seconds;
    the file's unless given. run: does what a request need not wait for.
    """

    def __init__(
        self,
        file: PrivateFile,
        operator_token: str | None = None,
        *,
        clock: Callable[[], float] | None = None,
        run: Callable[[Callable[[], None]], object] = at_once,
    ) -> None:
        self._file = file
        self._under = digest_of(operator_token) if operator_token else None
        self._clock = clock or file.now
        self._read: tuple[Stamp | None, Mapping[str, Session]] = (None, {})
        """What was read last, and under which stamp."""
        self._run = run

    def now(self) -> float:
        """Epoch seconds, on the clock by which they end."""
        return self._clock()

    def begin(self, label: str, ticket: str | None = None) -> str:
        """A new session; its key, which is given here and kept nowhere. Raises PrivateFileError."""
        key = secrets.token_urlsafe(32)
        now = self._clock()
        begun = Session(digest_of(key), label, now, now, digest_of(ticket) if ticket else None, self._under)
        self._change(lambda known: {**_newest(known), begun.digest: begun})
        return key

    def label_of(self, key: str) -> str | None:
        """The label of the session that has this key; None when none has, or it has ended."""
        try:
            found = self._find(digest_of(key))
        except PrivateFileError:
            return None
        if found is None or not self._lives(found):
            return None
        self._note_use(found)
        return found.label

    def end(self, key: str) -> None:
        """Raises PrivateFileError."""
        digest = digest_of(key)
        if digest in self._current():
            self._change(lambda known: {name: each for name, each in known.items() if name != digest})

    def end_all(self) -> int:
        """End every session; how many there were. Raises PrivateFileError."""
        living = [each for each in self._current().values() if self._lives(each, whoever=True)]
        if self._current():
            self._change(lambda known: {})
        return len(living)

    def end_of_ticket(self, ticket: str) -> str | None:
        """End the session that the ticket began; its label, None when there is none. Raises PrivateFileError."""
        label = self.begun_by(ticket)
        if label is not None:
            digest = digest_of(ticket)
            self._change(lambda known: {name: each for name, each in known.items() if each.ticket != digest})
        return label

    def begun_by(self, ticket: str) -> str | None:
        """The label of the session that the ticket began. Raises PrivateFileError."""
        digest = digest_of(ticket)
        return next((each.label for each in self._current().values() if each.ticket == digest), None)

    def _find(self, digest: str) -> Session | None:
        return next((each for name, each in self._current().items() if hmac.compare_digest(name, digest)), None)

    def _lives(self, session: Session, *, whoever: bool = False) -> bool:
        """Whether it has not ended; under whichever operator's token, if so asked."""
        now = self._clock()
        fresh = abs(now - session.used) <= IDLE and abs(now - session.began) <= LONGEST  # a clock may be put back
        return fresh and (whoever or session.under == self._under)

    def _note_use(self, session: Session) -> None:
        now = self._clock()
        if now - session.used < _NOTED_EVERY:
            return

        def note(known: Mapping[str, Session]) -> Mapping[str, Session]:
            # One that was ended meanwhile stays so.
            return {**known, session.digest: replace(session, used=now)} if session.digest in known else known

        def try_it() -> None:
            with suppress(PrivateFileError):  # another process writes: it is noted the next time
                self._change(note)

        self._run(try_it)

    def _current(self) -> Mapping[str, Session]:
        stamp, (read_under, known) = self._file.stamp(), self._read
        if stamp != read_under:
            contents = self._file.read()
            known = self._load(contents.data) if contents else {}
            self._read = (contents.stamp if contents else None, known)  # at once: threads ask too
        return known

    def _change(self, change: Callable[[Mapping[str, Session]], Mapping[str, Session]]) -> None:
        def rewrite(data: bytes | None) -> bytes:
            known = self._load(data) if data else {}
            living = {name: each for name, each in known.items() if self._lives(each, whoever=True)}
            sessions: list[Json] = [each.as_json() for each in change(living).values()]
            return json.dumps({"version": _VERSION, "sessions": sessions}, indent=2).encode() + b"\n"

        self._file.update(rewrite)

    def _load(self, data: bytes) -> dict[str, Session]:
        refuse_newer(self._file.path, data, _VERSION)
        try:
            document = parse(data)
            listed = document["sessions"] if isinstance(document, dict) else None
            if not isinstance(listed, list):
                raise ValueError
            return {each.digest: each for each in map(_session, listed)}
        except (ValueError, KeyError, TypeError):
            raise PrivateFileError(
                f"{self._file.path} is not as agentos writes it: remove it, and let your browsers in again"
            ) from None


def _session(entry: Json) -> Session:
    if not isinstance(entry, dict):
        raise ValueError
    values = {name: entry[name] for name in _FIELDS}
    texts = all(isinstance(values[name], str) for name in ("digest", "label"))
    times = all(isinstance(values[name], int | float) for name in ("began", "used"))
    optional = all(values[name] is None or isinstance(values[name], str) for name in ("ticket", "under"))
    if not (texts and times and optional):
        raise ValueError
    return Session(**values)  # type: ignore[arg-type]  # checked above


def _newest(known: Mapping[str, Session]) -> dict[str, Session]:
    kept = sorted(known.values(), key=lambda each: each.began)[-(MOST_SESSIONS - 1) :]
    return {each.digest: each for each in kept}


_FIELDS = tuple(Session.__dataclass_fields__)
