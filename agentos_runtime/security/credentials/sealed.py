"""Credentials in the database that replicas share: each sealed under a master key, and never there as it is.

What a box is about stands beside it in plain: whose it is, its fields, and where it was agreed to go. Whoever can
write to the database can therefore take a credential away, and can send it nowhere else.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json, parse
from agentos_runtime.security.authority import Grant, sort_grants
from agentos_runtime.security.credentials.boxes import WrongBox, as_box, as_text, key_of
from agentos_runtime.security.credentials.store import (
    Box,
    CredentialStore,
    Entry,
    KeyringError,
    SealedError,
    reveal,
    with_fields,
)
from agentos_runtime.storage.files import file_of
from agentos_runtime.storage.postgres.answers import SealedAnswers
from agentos_runtime.storage.private_files import PrivateFile, PrivateFileError
from agentos_runtime.storage.sqlite.files import DatabaseTrouble

CHECKS = "key_check.json"
"""The document with a box per master key, which that key opens whatever becomes of the credentials."""
_FORMAT = 1
_NOBODY = "?"
"""The id of what is no box."""
_SEALING = "agentos_runtime.security.credentials.sealing"


class SealedStore(CredentialStore):
    """As CredentialStore; its methods raise SealedError besides.

    keys: the MasterKeys; without them everything is listed and removed, and nothing opened or stored. others: how
    boxes begin that are sealed under the same keys, and are no credentials.
    """

    def __init__(
        self, file: PrivateFile, checks: PrivateFile, keys: Any, others: Callable[[], Iterable[bytes]] = list
    ) -> None:
        super().__init__(file)
        self._others = others
        self._checks = checks
        self._keys = keys

    def put(self, entry: Entry, beside: str | None = None) -> bool:
        """See CredentialStore.put; not while another one could not be opened."""
        for problem in self.problems():
            raise SealedError(problem)
        self._introduce()
        return super().put(replace(entry, kept_in="database"), beside)

    def rotate(self) -> tuple[int, Mapping[str, int]]:
        """Seal all anew under the first key: how many were, and how many remain under each other one.

        What does not open stays as it is. It can be ended at any moment and be begun again.
        """
        self._introduce()
        first, sealed = self._keys.first, 0

        def change(entries: Mapping[tuple[str, str], Entry]) -> Mapping[tuple[str, str], Entry]:
            nonlocal sealed
            fresh, sealed = dict(entries), 0
            for place, entry in entries.items():
                if self._key_of(entry) == first:
                    continue
                try:
                    fresh[place] = self._stowed(self._with_values(entry))
                except SealedError:
                    continue
                sealed += 1
            return fresh

        self._change(change)
        return sealed, {name: count for name, count in self.counts().items() if name != first}

    def counts(self) -> Mapping[str, int]:
        """How many are sealed under each key, by its id."""
        found: dict[str, int] = {}
        for entry in self.entries():
            name = self._key_of(entry)
            found[name] = found.get(name, 0) + 1
        return dict(sorted(found.items()))

    def counts_of_others(self) -> Mapping[str, int]:
        """How many boxes besides are sealed under each key, by its id."""
        try:
            return dict(sorted(Counter(map(_name_of, self._others())).items()))
        except DatabaseTrouble as error:
            raise PrivateFileError(f"what the database holds cannot be read: {error}") from None

    def unneeded(self) -> tuple[str, ...]:
        """The ids that may go: keys that are there, are not the first, and have sealed nothing that is left."""
        if self._keys is None:
            return ()
        needed = {*self.counts(), *self.counts_of_others()}
        return tuple(name for name in self._keys.names if name != self._keys.first and name not in needed)

    def problems(self) -> tuple[str, ...]:
        """A sentence for each key that is needed and not there, or is another one than it was."""
        needed = [name for name in self.counts() if name != _NOBODY]
        if self._keys is not None:
            needed += [name for name in self._keys.names if name not in needed]
        return tuple(problem for name in needed if (problem := self._problem_of(name)) is not None)

    def _introduce(self) -> None:
        """Leave a box by which the first key is known again. Raises SealedError when it is another one by now."""
        if self._keys is None:
            raise SealedError(_NO_KEY)
        name = self._keys.first
        if (problem := self._problem_of(name)) is not None:
            raise SealedError(problem)
        if name in self._known():
            return

        def change(data: bytes | None) -> bytes:
            boxes = _boxes(data)
            boxes.setdefault(name, as_text(self._keys.seal(b"", _about_key(name))))
            return json.dumps({"version": _FORMAT, "boxes": boxes}).encode()

        self._checks.update(change)
        if (problem := self._problem_of(name)) is not None:  # another process was first, with another key
            raise SealedError(problem)

    def _problem_of(self, name: str) -> str | None:
        if self._keys is None:
            return _NO_KEY
        if name not in self._keys.names:
            return (
                f"keys in the database are sealed under the master key {name!r}, and AGENTOS_MASTER_KEY has "
                f"{', '.join(map(repr, self._keys.names))}: add that key behind these, or remove what it sealed"
            )
        box = self._known().get(name)
        if box is None or self._opens(box, _about_key(name)):
            return None
        return (
            f"the master key {name!r} is not the one that keys in the database were sealed under: give the one "
            "that had this id, and a new one another id"
        )

    def _known(self) -> Mapping[str, str]:
        contents = self._checks.read()
        try:
            return _boxes(contents.data if contents else None)
        except ValueError as error:
            raise PrivateFileError(f"{self._checks.path} is damaged: {error}") from None

    def _opens(self, text: str, about: Json) -> bool:
        try:
            self._keys.open(as_box(text), about)
        except WrongBox:
            return False
        return True

    def _key_of(self, entry: Entry) -> str:
        """Its key's id, without opening it."""
        try:
            return _name_of(as_box(entry.box.text)) if entry.box else _NOBODY
        except WrongBox:
            return _NOBODY

    def _stowed(self, entry: Entry) -> Entry:
        if self._keys is None:
            raise SealedError(_NO_KEY)
        agreed = tuple(grant.as_json() for grant in sort_grants(entry.grants))
        box = self._keys.seal(reveal(entry.fields).encode(), _about(entry, agreed))
        return replace(entry, fields=dict.fromkeys(entry.fields), box=Box(as_text(box), agreed))

    def _with_values(self, entry: Entry) -> Entry:
        name = self._key_of(entry)
        if name != _NOBODY and (problem := self._problem_of(name)) is not None:
            raise SealedError(f"the key of {entry.skill} is sealed: {problem}")
        changed = SealedError(
            f"what the database holds for {entry.account} was changed there, or belongs to something else: "
            f"store it again, agentos keys set {entry.skill}"
        )
        if name == _NOBODY or entry.box is None:
            raise changed
        try:
            text = self._keys.open(as_box(entry.box.text), _about(entry, entry.box.agreed))
        except WrongBox:
            raise changed from None
        found = with_fields(entry, text)
        if found is None or not entry.grants <= frozenset(map(Grant.from_json, entry.box.agreed)):
            raise changed
        return found


def open_sealed(settings: Settings) -> SealedStore:
    """Those of the settings' database. Raises KeyringError."""
    if settings.keyring:
        raise KeyringError(
            "the setting `keyring` keeps keys on one machine, and with AGENTOS_DATABASE they are sealed there: "
            "turn it off"
        )
    return SealedStore(
        file_of(settings, settings.credentials_file),
        file_of(settings, settings.home / CHECKS),
        open_keys(settings),
        SealedAnswers(settings.documents.side).begins,
    )


def open_keys(settings: Settings) -> Any:
    """The MasterKeys of the settings; None where there is none. Raises SettingsError."""
    named = settings.master_keys()
    return import_module(_SEALING).MasterKeys(named) if named else None


def _name_of(box: bytes) -> str:
    """The id of its key."""
    try:
        return key_of(box)
    except WrongBox:
        return _NOBODY


def _about(entry: Entry, agreed: tuple[Json, ...]) -> Json:
    return {
        "format": _FORMAT,
        "table": "credential",
        "skill": entry.skill,
        "credential": entry.credential,
        "fields": [*sorted(entry.fields)],
        "grants": [*agreed],
    }


def _about_key(name: str) -> Json:
    return {"format": _FORMAT, "table": "key_check", "key": name}


def _boxes(data: bytes | None) -> dict[str, str]:
    document = parse(data) if data is not None else {"version": _FORMAT, "boxes": {}}
    boxes = document.get("boxes") if isinstance(document, dict) else None
    if not isinstance(boxes, dict) or not all(isinstance(box, str) for box in boxes.values()):
        raise ValueError("expected boxes by the ids of keys")
    return {name: str(box) for name, box in boxes.items()}


_NO_KEY = (
    "keys in the database are sealed under a master key, and AGENTOS_MASTER_KEY is not set. "
    'Make one: echo "k1:$(openssl rand -base64 32)"'
)
