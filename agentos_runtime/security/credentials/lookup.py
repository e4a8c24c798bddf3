"""Where a credential is looked for: the environment first, then mounted files, then what was stored."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.variables import variables
from agentos_runtime.security.authority import Grant
from agentos_runtime.security.credentials.mounted import MountedCredentials, UnreadableMount
from agentos_runtime.security.credentials.secret import Credential, Life, Secret
from agentos_runtime.security.credentials.store import (
    REFRESH_TOKEN,
    TOKEN_SUFFIX,
    CredentialStore,
    Entry,
    token_name,
)
from agentos_runtime.storage.private_files import Stamp


class UnusableCredential(ValueError):
    """A value that cannot be sent; the message names where it stands and never quotes it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A stored credential as it may be shown: nothing of its values."""

    skill: str
    credential: str
    fields: tuple[str, ...]
    source: str
    set_at: str
    grants: frozenset[Grant]


class Credentials:
    """Finds and stores the credentials of skills.

    environ: the process's environment, taken once. mounted: files that something else puts there. Methods that
    touch the store raise PrivateFileError and KeyringError.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        store: CredentialStore,
        *,
        mounted: MountedCredentials | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._mounted = mounted
        self._environ = environ
        self._store = store
        self._now = now or (lambda: datetime.fromtimestamp(store.now(), UTC))
        self._ends: dict[tuple[str, str], float] = {}
        """When what was found in the store, and nothing renews, is over."""

    def __repr__(self) -> str:
        return "Credentials()"

    def stamp(self) -> Stamp | None:
        """Differs when `find` may answer otherwise: one `lstat` in a turn of the event loop, and a `stat` for each
        mounted file. So it does when the time of something that was found is over.
        """
        stored = self._store.glance()
        if self._ends and (ended := sum(self.now() >= end for end in tuple(self._ends.values()))):
            stored = (*(stored or ()), -2, ended)
        return stored if self._mounted is None else (*(stored or ()), -1, *self._mounted.stamp())

    def now(self) -> float:
        """Epoch seconds, on the clock by which stored credentials end."""
        return self._now().timestamp()

    def find(self, skill_id: str, credential: str, fields: Sequence[str]) -> Credential | None:
        """The credential with all its fields, from one place; None when no place has them all.

        Raises UnusableCredential, and what the store raises.
        """
        return (
            self._in_environment(skill_id, credential, fields)
            or self._in_files(skill_id, credential, fields)
            or self._in_store(skill_id, credential, fields)
        )

    def stored(self, skill_id: str, credential: str, fields: Sequence[str]) -> Credential | None:
        """The same of what was stored alone."""
        return self._in_store(skill_id, credential, fields)

    def set(
        self,
        skill_id: str,
        credential: str,
        fields: Mapping[str, str],
        grants: Iterable[Grant],
        life: Life | None = None,
    ) -> None:
        """Store a credential with what was shown and agreed to: only there will it be sent.

        A field `refresh_token` beside its own renews it.

        Raises UnusableCredential, and what the store raises; what was stored before is then still stored.
        """
        for name, text in fields.items():
            _check(text, f"the {name} of {skill_id}")
        secrets: dict[str, Secret | None] = {name: Secret(text) for name, text in fields.items()}
        set_at = self._now().isoformat(timespec="seconds")
        self._store.put(Entry(skill_id, credential, secrets, frozenset(grants), set_at, life=life))

    def remove(self, skill_id: str, credential: str) -> bool:
        """Forget a stored credential, and the token that was had for it; False when there was none."""
        was_there = self._store.remove(skill_id, credential)  # first: a token is stored beside its credential only
        return self._store.remove(skill_id, token_name(credential)) or was_there

    def end_grants(self, skill_id: str) -> tuple[str, ...]:
        """Keep a skill's stored credentials, but send them nowhere; the names of those that were sent before."""
        return self._store.end_grants(skill_id)

    def list(self) -> tuple[Listed, ...]:
        """What is stored, in order of skill and name; without any value."""
        return tuple(
            Listed(entry.skill, entry.credential, tuple(entry.fields), entry.kept_in, entry.set_at, entry.grants)
            for entry in self._store.entries()
            if not entry.credential.endswith(TOKEN_SUFFIX)
        )

    def _in_environment(self, skill_id: str, credential: str, fields: Sequence[str]) -> Credential | None:
        names = variables(skill_id, credential, fields)
        values = {field: self._environ.get(name, "") for field, name in names.items()}
        if not values or not all(values.values()):
            return None
        for field, name in names.items():
            _check(values[field], f"the variable {name}")
        source = "environment " + ", ".join(names.values())
        return Credential({field: Secret(text) for field, text in values.items()}, source)

    def _in_files(self, skill_id: str, credential: str, fields: Sequence[str]) -> Credential | None:
        if self._mounted is None:
            return None
        try:
            found = self._mounted.find(skill_id, credential, fields)
        except UnreadableMount as error:
            raise UnusableCredential(str(error)) from None
        for name, secret in found.fields.items() if found else ():
            _check(secret.reveal(), f"the file of the {name} of {skill_id}")
        return found

    def _in_store(self, skill_id: str, credential: str, fields: Sequence[str]) -> Credential | None:
        entry = self._store.get(skill_id, credential)
        if entry is None:
            return None
        renewable = REFRESH_TOKEN in entry.fields and REFRESH_TOKEN not in fields
        if renewable or entry.life is None:
            self._ends.pop((skill_id, credential), None)
        else:
            self._ends[skill_id, credential] = entry.life.expires_at
        if not renewable and entry.life and self.now() >= entry.life.expires_at:
            option = "" if credential == "default" else f" --credential {credential}"
            why = "has ended: the service renews it no more" if entry.ended else "has run out"
            raise UnusableCredential(
                f'the login of the skill "{skill_id}" {why}. Run: agentos login {skill_id}{option}'
            )
        found = {name: secret for name in fields if (secret := entry.fields.get(name)) and secret.reveal()}
        if len(found) < len(set(fields)):
            return None
        for name, secret in found.items():
            _check(secret.reveal(), f"the stored {name} of {skill_id}")
        return Credential(found, entry.kept_in, entry.grants, entry.life, renewable, entry.ended)


def _check(text: str, where: str) -> None:
    if not text:
        raise UnusableCredential(f"{where} is empty")
    if not text.isprintable():
        raise UnusableCredential(
            f"{where} holds a line break or another character that cannot be printed: copy the value again"
        )
