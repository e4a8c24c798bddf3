"""Credentials are found in the environment, then where `keys set` put them, and never shown."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError as BackendError
from keyring.errors import PasswordDeleteError

from agentos_runtime.config.settings import Settings
from agentos_runtime.manifest.variables import variables
from agentos_runtime.security.authority import Grant
from agentos_runtime.security.credentials.keyring import SystemKeyring
from agentos_runtime.security.credentials.lookup import Credentials, UnusableCredential
from agentos_runtime.security.credentials.opening import open_credentials
from agentos_runtime.security.credentials.store import CredentialStore, Keyring, KeyringError
from agentos_runtime.storage.private_files import PrivateFile, PrivateFileError
from tests.state.skills import CANARY
from tests.state.test_private_files import largest_file

GRANT = Grant("default", "https://openrouter.ai", "POST", "header:authorization")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def credentials(
    home: Path, environ: dict[str, str] | None = None, *, keyring: Keyring | None = None
) -> Credentials:
    store = CredentialStore(PrivateFile(home / "credentials.json"), keyring)
    return Credentials(environ or {}, store, now=lambda: NOON)


class MemoryKeyring(KeyringBackend):
    """A keyring as the `keyring` package knows them."""

    priority = 1

    def __init__(self) -> None:
        self.passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.passwords.pop((service, username), None) is None:
            raise PasswordDeleteError("No such password!")


class LockedKeyring(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise BackendError(f"locked, with {CANARY} in the text")


class SilentKeyring(MemoryKeyring):
    """Waits for somebody to type a password."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = threading.Event()
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        self.answered.wait()
        return None


@pytest.mark.parametrize(
    ("skill", "credential", "fields", "names"),
    [
        ("openrouter", "default", ["key"], ["OPENROUTER_API_KEY"]),
        ("logo-dev", "default", ["token"], ["LOGO_DEV_API_KEY"]),
        ("openrouter", "management", ["key"], ["OPENROUTER_MANAGEMENT_KEY"]),
        ("twilio", "default", ["username", "password"], ["TWILIO_USERNAME", "TWILIO_PASSWORD"]),
        ("a-b", "read-only", ["org", "token"], ["A_B_READ_ONLY_ORG", "A_B_READ_ONLY_TOKEN"]),
    ],
)
def test_each_field_has_its_variable(skill: str, credential: str, fields: list[str], names: list[str]) -> None:
    assert list(variables(skill, credential, fields).values()) == names


def test_the_environment_comes_before_what_was_stored(tmp_path: Path) -> None:
    credentials(tmp_path).set("openrouter", "default", {"key": "stored"}, [GRANT])
    found = credentials(tmp_path, {"OPENROUTER_API_KEY": CANARY}).find("openrouter", "default", ["key"])
    assert found is not None
    assert found.fields["key"].reveal() == CANARY
    assert found.source == "environment OPENROUTER_API_KEY"
    assert found.grants == frozenset(), "a key of the environment has nothing that was agreed to"


def test_what_was_stored_is_found_with_what_was_agreed_to(tmp_path: Path) -> None:
    credentials(tmp_path).set("openrouter", "default", {"key": CANARY}, [GRANT])
    found = credentials(tmp_path, {"OPENROUTER_API_KEY": ""}).find("openrouter", "default", ["key"])
    assert found is not None
    assert (found.fields["key"].reveal(), found.source, found.grants) == (
        CANARY,
        "credentials.json",
        frozenset({GRANT}),
    )


def test_a_credential_with_a_field_missing_is_not_there(tmp_path: Path) -> None:
    half = credentials(tmp_path, {"TWILIO_USERNAME": "me"})
    assert half.find("twilio", "default", ["username", "password"]) is None
    half.set("twilio", "default", {"username": "me"}, [])
    assert half.find("twilio", "default", ["username", "password"]) is None
    assert half.find("nobody", "default", ["key"]) is None


@pytest.mark.parametrize(
    "value", [f"{CANARY}\n", f"{CANARY}\r\nX-Evil: 1", f"\x00{CANARY}", f"{CANARY}\u200b", "\udcff"]
)
def test_a_value_that_would_break_a_header_is_refused_without_quoting_it(tmp_path: Path, value: str) -> None:
    with pytest.raises(UnusableCredential, match="OPENROUTER_API_KEY") as refused:
        credentials(tmp_path, {"OPENROUTER_API_KEY": value}).find("openrouter", "default", ["key"])
    assert CANARY not in str(refused.value)
    with pytest.raises(UnusableCredential, match="the key of openrouter"):
        credentials(tmp_path).set("openrouter", "default", {"key": value}, [])
    with pytest.raises(UnusableCredential, match="is empty"):
        credentials(tmp_path).set("openrouter", "default", {"key": ""}, [])


def test_a_key_set_while_the_server_runs_is_found_at_once(tmp_path: Path) -> None:
    server, terminal = credentials(tmp_path), credentials(tmp_path)
    assert server.find("openrouter", "default", ["key"]) is None
    before = server.stamp()
    for key in ("first-key", "other-key"):
        terminal.set("openrouter", "default", {"key": key}, [])
        assert server.stamp() != before
        before = server.stamp()
        found = server.find("openrouter", "default", ["key"])
        assert found is not None
        assert found.fields["key"].reveal() == key
    assert terminal.remove("openrouter", "default")
    assert not terminal.remove("openrouter", "default")
    assert server.find("openrouter", "default", ["key"]) is None


def test_a_list_shows_nothing_of_the_values(tmp_path: Path) -> None:
    held = credentials(tmp_path)
    held.set("openrouter", "management", {"key": CANARY}, [GRANT])
    held.set("openrouter", "default", {"key": CANARY}, [GRANT])
    listed = credentials(tmp_path).list()
    assert [(one.skill, one.credential, one.fields, one.source) for one in listed] == [
        ("openrouter", "default", ("key",), "credentials.json"),
        ("openrouter", "management", ("key",), "credentials.json"),
    ]
    assert listed[0].set_at == "2026-11-20T12:00:00+00:00"
    assert not any(CANARY[i : i + 4] in repr((listed, held)) for i in range(len(CANARY) - 3))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 0, "credentials": []}',
        '{"version": 1, "credentials": {}}',
        '{"version": 1, "credentials": [7]}',
        '{"version": 1, "credentials": [{"skill": "a", "credential": "b", "set_at": "", "fields": {"k": 1}}]}',
        '{"version": 1, "credentials": [{"skill": "a", "credential": "b", "set_at": "", "fields": {}}]}',
        '{"version": 1, "credentials": [{"skill": "a", "credential": "b", "set_at": "", "fields": {}, "grants": '
        "[7]}]}",
    ],
)
def test_a_damaged_file_is_never_overwritten(tmp_path: Path, text: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(text)
    file.chmod(0o600)
    held = credentials(tmp_path)
    attempts: list[Callable[[], object]] = [
        lambda: held.find("openrouter", "default", ["key"]),
        lambda: held.set("openrouter", "default", {"key": CANARY}, []),
        lambda: held.remove("openrouter", "default"),
        held.list,
    ]
    for attempt in attempts:
        with pytest.raises(PrivateFileError, match=r"is damaged .*: mend it, or move it away"):
            attempt()
    assert file.read_text() == text


def test_a_full_disk_keeps_the_credential_that_was_there(tmp_path: Path) -> None:
    held = credentials(tmp_path)
    held.set("openrouter", "default", {"key": CANARY}, [])
    with largest_file(10), pytest.raises(PrivateFileError, match="is as it was"):
        held.set("openrouter", "default", {"key": "new-key"}, [])
    found = held.find("openrouter", "default", ["key"])
    assert found is not None
    assert found.fields["key"].reveal() == CANARY


def test_opening_a_home_sweeps_what_killed_writers_left_in_it(tmp_path: Path) -> None:
    leftover = tmp_path / ".credentials.json.0123.tmp"
    leftover.write_text(CANARY)
    opened = open_credentials(Settings(tmp_path), {"OPENROUTER_API_KEY": CANARY})
    assert not leftover.exists()
    assert opened.find("openrouter", "default", ["key"]) is not None
    assert open_credentials(Settings(tmp_path, keyring=True), {}).list() == ()


@pytest.fixture
def silent() -> Iterator[SilentKeyring]:
    backend = SilentKeyring()
    yield backend
    backend.answered.set()


def test_with_a_keyring_no_file_holds_the_value(tmp_path: Path) -> None:
    backend = MemoryKeyring()
    keyring = SystemKeyring(backend)
    keyring.probe()
    held = credentials(tmp_path, keyring=keyring)
    held.set("openrouter", "default", {"key": CANARY}, [GRANT])
    assert not [path for path in tmp_path.iterdir() if CANARY in path.read_text()]

    found = credentials(tmp_path, keyring=keyring).find("openrouter", "default", ["key"])
    assert found is not None
    assert (found.fields["key"].reveal(), found.source, found.grants) == (CANARY, "keyring", frozenset({GRANT}))
    assert [one.source for one in held.list()] == ["keyring"]
    with pytest.raises(KeyringError, match="turns off"):
        credentials(tmp_path).find("openrouter", "default", ["key"])

    backend.passwords = dict.fromkeys(backend.passwords, "damaged")
    with pytest.raises(KeyringError, match="store it again"):
        held.find("openrouter", "default", ["key"])
    assert held.remove("openrouter", "default")
    assert not backend.passwords
    assert held.find("openrouter", "default", ["key"]) is None


def test_a_key_that_somebody_deleted_in_the_keyring_can_be_removed(tmp_path: Path) -> None:
    backend = MemoryKeyring()
    held = credentials(tmp_path, keyring=SystemKeyring(backend))
    held.set("openrouter", "default", {"key": CANARY}, [GRANT])
    backend.passwords.clear()
    assert held.remove("openrouter", "default")
    assert held.list() == ()


def test_values_of_a_file_are_still_found_when_the_keyring_is_turned_on(tmp_path: Path) -> None:
    credentials(tmp_path).set("openrouter", "default", {"key": CANARY}, [])
    found = credentials(tmp_path, keyring=SystemKeyring(LockedKeyring())).find("openrouter", "default", ["key"])
    assert found is not None
    assert found.source == "credentials.json"


def test_a_keyring_that_refuses_is_named_without_its_words() -> None:
    with pytest.raises(KeyringError, match="the keyring refused") as refused:
        SystemKeyring(LockedKeyring()).probe()
    assert CANARY not in str(refused.value)


def test_a_keyring_that_does_not_answer_holds_nobody_up(silent: SilentKeyring) -> None:
    keyring = SystemKeyring(silent, limit=0.02)
    for _ in range(3):
        with pytest.raises(KeyringError, match=r"did not answer within 0\.02 s"):
            keyring.probe()
    assert silent.asked == 1, "a silent keyring is not asked again at every call"


def test_the_file_is_readable_for_people(tmp_path: Path) -> None:
    credentials(tmp_path).set("openrouter", "default", {"key": CANARY}, [GRANT])
    document = json.loads((tmp_path / "credentials.json").read_text())
    assert document["credentials"][0]["grants"] == [GRANT.as_json()]
    assert os.stat(tmp_path / "credentials.json").st_mode & 0o777 == 0o600
