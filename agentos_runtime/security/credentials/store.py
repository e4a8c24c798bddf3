"""Credentials at rest: `credentials.json` (0600), and with it, by choice, the operating system's keyring.

With a database, `sealed` keeps the same entries there.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, Protocol, TypeAlias, get_args

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, parse
from agentos_runtime.security.authority import Grant, sort_grants
from agentos_runtime.security.credentials.secret import Life, Secret
from agentos_runtime.storage.private_files import PrivateFile, PrivateFileError, Stamp, refuse_newer

FORMAT_VERSION = 1
Kept: TypeAlias = Literal["credentials.json", "keyring", "database"]
STORES: frozenset[str] = frozenset(get_args(Kept))
"""The sources of credentials that stand in the store."""
REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a name
"""The field beside a credential's own that renews it; it goes to the login's `token_url` alone."""


TOKEN_SUFFIX = ".token"  # noqa: S105 - a name
"""Ends the name under which the token of a client is kept; no credential of a skill has a dot in its name."""


def token_name(credential: str) -> str:
    """Under which name the token is stored that a client got for a credential."""
    return credential + TOKEN_SUFFIX


class KeyringError(Exception):
    """The keyring is not there, is locked, or does not answer in time; the message says which and what to do."""


class SealedError(KeyringError):
    """A master key is missing or another one, or what is sealed was changed; the message says which."""


class Keyring(Protocol):
    """Where an operating system keeps passwords: a text per account. Every method raises KeyringError."""

    def get(self, account: str) -> str | None: ...

    def set(self, account: str, text: str) -> None: ...

    def delete(self, account: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Box:
    """The values of an entry, sealed together with what they were agreed to be sent to."""

    text: str
    agreed: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored credential."""

    skill: str
    credential: str
    fields: Mapping[str, Secret | None]
    """By the field's name; None = kept elsewhere and not fetched."""
    grants: frozenset[Grant]
    """What was shown and agreed to when it was stored."""
    set_at: str
    kept_in: Kept = "credentials.json"
    life: Life | None = None
    """Until when the value is good, when the service said so."""
    ended: bool = False
    """The service refused to renew it: only a new login helps."""
    box: Box | None = None

    @property
    def account(self) -> str:
        """Its name in the keyring."""
        return f"{self.skill}/{self.credential}"


class CredentialStore:
    """The entries of `credentials.json`, read again when the file changes.

    keyring: where `put` keeps the values; None = in the file. Values already in a keyring are not found without it.
    Every method raises PrivateFileError when the file cannot be trusted or read (it is then left as it is), and
    KeyringError for entries whose values are in the keyring.
    """

    def __init__(self, file: PrivateFile, keyring: Keyring | None = None) -> None:
        self._file = file
        self._keyring = keyring
        self._read: tuple[Stamp | None, Mapping[tuple[str, str], Entry]] = (None, {})
        """What was read last, and under which stamp."""

    def stamp(self) -> Stamp | None:
        """Differs when `get` may answer otherwise; one `lstat`."""
        return self._file.stamp()

    def glance(self) -> Stamp | None:
        """The same, with one `lstat` in a turn of the event loop."""
        return self._file.glance()

    def now(self) -> float:
        """Epoch seconds, on the clock of all who share the store."""
        return self._file.now()

    def sweep(self) -> None:
        """Remove what killed writers left behind: it holds secrets."""
        self._file.sweep()

    def problems(self) -> tuple[str, ...]:
        """What will keep stored credentials from being used, a sentence each."""
        return ()

    def unneeded(self) -> tuple[str, ...]:
        """The ids of master keys under which nothing is sealed any more."""
        return ()

    def entries(self) -> tuple[Entry, ...]:
        """All that is stored; values kept in the keyring are not fetched."""
        return tuple(self._current().values())

    def get(self, skill: str, credential: str) -> Entry | None:
        """One entry with its values, also those of the keyring."""
        entry = self._current().get((skill, credential))
        return self._with_values(entry) if entry else None

    def put(self, entry: Entry, beside: str | None = None) -> bool:
        """Store an entry in place of the one there was. It is on disk when this returns.

        beside: not unless this credential of the skill is stored, too; False when it is not.
        """
        is_kept = False

        def change(entries: Mapping[tuple[str, str], Entry]) -> Mapping[tuple[str, str], Entry]:
            nonlocal is_kept
            is_kept = beside is None or (entry.skill, beside) in entries
            return {**entries, (entry.skill, entry.credential): stowed()} if is_kept else entries

        def stowed() -> Entry:
            return self._stowed(entry if self._keyring is None else replace(entry, kept_in="keyring"))

        self._change(change)
        return is_kept

    def renew(self, old: Entry, new: Entry) -> bool:
        """Replace the values of an entry if its refresh token is still that of `old`; False when it is another.

        Its grants stay what they are by now. It is on disk when this returns.
        """
        key, renewed = (old.skill, old.credential), False

        def change(entries: Mapping[tuple[str, str], Entry]) -> Mapping[tuple[str, str], Entry]:
            nonlocal renewed
            stored = entries.get(key)
            kept = self._with_values(stored) if stored else None
            if stored is None or kept is None or kept.fields.get(REFRESH_TOKEN) != old.fields.get(REFRESH_TOKEN):
                return entries
            renewed = True
            return {
                **entries,
                key: self._stowed(replace(stored, fields=new.fields, life=new.life, ended=new.ended)),
            }

        self._change(change)
        return renewed

    def remove(self, skill: str, credential: str) -> bool:
        """Forget an entry; False when there was none."""
        entry = self._current().get((skill, credential))
        if entry is None:
            return False
        if entry.kept_in == "keyring":
            self._keyring_of(entry).delete(entry.account)
        self._change(lambda entries: {key: kept for key, kept in entries.items() if key != (skill, credential)})
        return True

    def end_grants(self, skill: str) -> tuple[str, ...]:
        """Keep a skill's credentials, without a place to go; the names of those that had one."""
        names = tuple(entry.credential for entry in self.entries() if entry.skill == skill and entry.grants)
        if names:
            self._change(
                lambda entries: {
                    key: replace(entry, grants=frozenset()) if entry.skill == skill else entry
                    for key, entry in entries.items()
                }
            )
        return names

    def _stowed(self, entry: Entry) -> Entry:
        """As it is written, its values being where `kept_in` says."""
        if entry.kept_in != "keyring":
            return entry
        self._keyring_of(entry).set(entry.account, reveal(entry.fields))
        return replace(entry, fields=dict.fromkeys(entry.fields))

    def _with_values(self, entry: Entry) -> Entry:
        if entry.kept_in != "keyring":
            return entry
        text = self._keyring_of(entry).get(entry.account)
        found = with_fields(entry, text)
        if found is None:
            raise KeyringError(f"the keyring no longer holds {entry.account}: store it again")
        return found

    def _keyring_of(self, entry: Entry) -> Keyring:
        if self._keyring is None:
            raise KeyringError(f"{entry.account} is kept in the keyring, which the setting `keyring` turns off")
        return self._keyring

    def _current(self) -> Mapping[tuple[str, str], Entry]:
        stamp, (read_under, entries) = self._file.stamp(), self._read
        if stamp != read_under:
            contents = self._file.read()
            entries = self._load(contents.data) if contents else {}
            self._read = (contents.stamp if contents else None, entries)  # at once: threads ask too
        return entries

    def _change(self, change: Callable[[Mapping[tuple[str, str], Entry]], Mapping[tuple[str, str], Entry]]) -> None:
        self._file.update(lambda data: _dump(change(self._load(data))))

    def _load(self, data: bytes | None) -> Mapping[tuple[str, str], Entry]:
        try:
            refuse_newer(self._file.path, data or b"", FORMAT_VERSION)
            return _parse(data) if data is not None else {}
        except ValueError as error:
            path = self._file.path
            raise PrivateFileError(f"{path} is damaged ({error}): mend it, or move it away") from None


def reveal(fields: Mapping[str, Secret | None]) -> str:
    """The values as the text that is kept elsewhere."""
    return json.dumps({name: secret.reveal() for name, secret in fields.items() if secret is not None})


def with_fields(entry: Entry, text: str | bytes | None) -> Entry | None:
    """The entry with the values of such a text; None when it is none of this entry's."""
    try:
        values = parse(text) if text is not None else None
    except ValueError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(values.get(name), str) for name in entry.fields):
        return None
    return replace(entry, fields={name: Secret(str(values[name])) for name in entry.fields})


def _parse(data: bytes) -> dict[tuple[str, str], Entry]:
    document = parse(data)
    if not isinstance(document, dict) or document.get("version") != FORMAT_VERSION:
        raise ValueError(f"expected version {FORMAT_VERSION}")
    entries = document.get("credentials")
    if not isinstance(entries, list):
        raise ValueError("expected a list of credentials")
    return {(entry.skill, entry.credential): entry for entry in map(_parse_entry, entries)}


def _parse_entry(value: Json) -> Entry:
    entry: dict[str, Any] = dict(value) if isinstance(value, dict) else {}
    fields, grants = entry.get("fields"), entry.get("grants")
    texts = [entry.get(name) for name in ("skill", "credential", "set_at")]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("an entry has skill, credential and set_at")
    if not isinstance(fields, dict) or not all(text is None or isinstance(text, str) for text in fields.values()):
        raise ValueError("an entry's fields are strings, or null for those in the keyring")
    if not isinstance(grants, list):
        raise ValueError("an entry has grants")
    box = _parse_box(entry.get("box"), entry.get("agreed"))
    return Entry(
        entry["skill"],
        entry["credential"],
        {name: None if text is None else Secret(text) for name, text in fields.items()},
        frozenset(map(Grant.from_json, grants)),
        entry["set_at"],
        "database" if box else "keyring" if None in fields.values() else "credentials.json",
        _parse_life(entry.get("renew_at"), entry.get("expires_at")),
        entry.get("ended") is True,
        box,
    )


def _parse_box(text: Json, agreed: Json) -> Box | None:
    if text is None:
        return None
    if not isinstance(text, str) or not isinstance(agreed, list):
        raise ValueError("an entry's box is a string, with what was agreed to")
    return Box(text, tuple(agreed))


def _parse_life(renew_at: Json, expires_at: Json) -> Life | None:
    if renew_at is None and expires_at is None:
        return None
    if not isinstance(renew_at, int | float) or not isinstance(expires_at, int | float):
        raise ValueError("an entry's renew_at and expires_at are seconds")
    return Life(float(renew_at), float(expires_at))


def _dump(entries: Mapping[tuple[str, str], Entry]) -> bytes:
    credentials = [
        {
            "skill": entry.skill,
            "credential": entry.credential,
            "fields": {name: secret and secret.reveal() for name, secret in entry.fields.items()},
            "grants": [grant.as_json() for grant in sort_grants(entry.grants)],
            "set_at": entry.set_at,
        }
        | ({"renew_at": entry.life.renew_at, "expires_at": entry.life.expires_at} if entry.life else {})
        | ({"ended": True} if entry.ended else {})
        | ({"box": entry.box.text, "agreed": [*entry.box.agreed]} if entry.box else {})
        for _, entry in sorted(entries.items(), key=lambda item: item[0])
    ]
    return json.dumps({"version": FORMAT_VERSION, "credentials": credentials}, indent=2).encode() + b"\n"
