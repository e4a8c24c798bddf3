"""Pieces of reasoning become the entries that they were cut from."""

from agentos_runtime.calls.adding.texts import DeltaError, JoinedTexts, listed
from agentos_runtime.jsontext import Json

DETAIL_TEXTS = ("text", "summary")
ENCRYPTED = "reasoning.encrypted"
_JOINED = ("reasoning.text", "reasoning.summary")
"""Types whose pieces join. What is encrypted is whole as it comes: glued together it would be corrupt."""


class Details:
    """The `reasoning_details` of one reply, in order."""

    def __init__(self, texts: JoinedTexts) -> None:
        self._texts = texts
        self._entries: list[dict[str, Json]] = []
        self._pieces: list[dict[str, list[str]]] = []
        """The texts of each entry."""
        self._held: list[int] = []
        """Encrypted entries in a row that wait until it is known that nothing has to be taken out of their data."""
        self._shown = ""
        """What of their data can be shown."""

    def __bool__(self) -> bool:
        return bool(self._entries)

    def take(self, value: Json) -> list[Json]:
        """Add pieces; gives what of them is news. Raises DeltaError."""
        news: list[Json] = []
        for part in listed("reasoning_details", value):
            if not isinstance(part, dict):
                raise DeltaError("a delta's reasoning_details must be objects")
            if part.get("type") == ENCRYPTED and isinstance(part.get("data"), str):
                news += [piece for key in DETAIL_TEXTS for piece in self._ended(key)]
                news += self._encrypted(part)
                continue
            news += self._closed(self._texts.end(("reasoning_details", "data"))) if self._held else []
            at = self._entry_of(part)
            if at is None or part.get("signature"):
                news += [piece for key in DETAIL_TEXTS for piece in self._ended(key)]
            if at is None:
                at = len(self._entries)
                self._entries.append({})
                self._pieces.append({})
            news.append(self._merge(at, part))
        return news

    def go_on(self, key: str, text: str) -> list[Json]:
        """Add what was held back of the last entry's text, or of the encrypted entries that wait."""
        if key == "data":
            return self._closed(text)
        if not text:
            return []
        self._pieces[-1].setdefault(key, []).append(text)
        entry = self._entries[-1]
        place: dict[str, Json] = {name: entry[name] for name in ("type", "index") if name in entry}
        return [place | {key: text}]

    def total(self) -> list[Json]:
        return [
            entry | {key: "".join(pieces) for key, pieces in texts.items()}
            for entry, texts in zip(self._entries, self._pieces, strict=True)
        ]

    def _encrypted(self, part: dict[str, Json]) -> list[Json]:
        """An entry that is whole as it comes; a secret that an upstream repeats may be cut over several."""
        self._held.append(len(self._entries))
        self._entries.append(dict(part))
        self._pieces.append({})
        self._shown += self._texts.feed(("reasoning_details", "data"), str(part["data"]))
        return self._released()

    def _released(self) -> list[Json]:
        waiting = [self._entries[at] for at in self._held]
        if self._shown != "".join(str(entry["data"]) for entry in waiting):
            return []
        self._held, self._shown = [], ""
        return [dict(entry) for entry in waiting]

    def _closed(self, text: str) -> list[Json]:
        """The news of the entries that wait, now that none follows."""
        self._shown += text
        news = self._released()
        for place, at in enumerate(self._held):
            self._entries[at]["data"] = "" if place else self._shown
            news.append(dict(self._entries[at]))
        self._held, self._shown = [], ""
        return news

    def _ended(self, key: str) -> list[Json]:
        return self.go_on(key, self._texts.end(("reasoning_details", key))) if self._entries else []

    def _entry_of(self, part: dict[str, Json]) -> int | None:
        """The entry that a piece goes on with; None for the first of another."""
        last = len(self._entries) - 1
        if last >= 0 and part.get("type") in _JOINED and self._goes_on(last, part, part.get("type")):
            return last
        if not any(part.get(key) for key in (*DETAIL_TEXTS, "data")) and (part.get("signature") or part.get("id")):
            # What comes alone closes the text before it, also when something else came between them.
            kinds = tuple(kind for kind in _JOINED if part.get("type") in (None, kind))
            return next((at for at in range(last, -1, -1) if self._closes(at, part, kinds)), None)
        return None

    def _closes(self, at: int, part: dict[str, Json], kinds: tuple[str, ...]) -> bool:
        kind = self._entries[at].get("type")
        return kind in kinds and self._goes_on(at, part, kind)

    def _goes_on(self, at: int, part: dict[str, Json], kind: Json) -> bool:
        entry = self._entries[at]
        if entry.get("type") != kind or entry.get("index") != part.get("index"):
            return False
        if not (_agree(entry, part, "id") and _agree(entry, part, "signature")):
            return False
        signed_before = bool(entry.get("signature")) and not part.get("signature")
        return not (signed_before and any(part.get(key) for key in DETAIL_TEXTS))

    def _merge(self, at: int, part: dict[str, Json]) -> Json:
        entry, texts = self._entries[at], self._pieces[at]
        news: dict[str, Json] = {}
        for key, value in part.items():
            if key in DETAIL_TEXTS and isinstance(value, str):
                news[key] = text = self._texts.feed(("reasoning_details", key), value) if value else ""
                texts.setdefault(key, []).append(text)
                continue
            news[key] = value
            if (value is not None or key not in entry) and not (key == "id" and entry.get("id")):
                entry[key] = value
        return news


def _agree(entry: dict[str, Json], part: dict[str, Json], key: str) -> bool:
    """Whether both do not say two different things."""
    return not entry.get(key) or not part.get(key) or entry[key] == part[key]
