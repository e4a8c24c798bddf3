"""A key leaves only for an origin, a method and a place that somebody approved."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.errors import ApprovalRequired, CredentialNotFound
from agentos_runtime.manifest.model import (
    Auth,
    AuthField,
    AuthTemplate,
    Fields,
    Items,
    Literal,
    Node,
    PlainPath,
    Poll,
    Skill,
    Stream,
    TemplateParam,
)
from agentos_runtime.manifest.origins import declared_origin, is_private, origin_of
from agentos_runtime.security.approvals import NO_PINS, Approvals
from agentos_runtime.security.authority import Authority, AuthorityError, Grant, authority_of
from agentos_runtime.security.broker import Authorization, CredentialBroker
from agentos_runtime.security.bundled import BundledSkill
from agentos_runtime.security.credentials.lookup import Credentials
from agentos_runtime.security.credentials.store import CredentialStore
from agentos_runtime.storage.private_files import PrivateFile, PrivateFileError
from tests.sizes import examples
from tests.state.skills import CANARY, CHAT_URL, PLACE, api_key, fields, jq, rest, skill, template, utility

OPENROUTER = "https://openrouter.ai"
EVIL = "https://openrouter.ai.evil.example"
KEY = {"OPENROUTER_API_KEY": CANARY}


class Home:
    """A home folder, and the broker a server would open over it."""

    def __init__(
        self,
        folder: Path,
        environ: dict[str, str] | None = None,
        *,
        bundled: tuple[Skill, ...] = (),
        **rewrite: str,
    ) -> None:
        self.credentials = Credentials(environ or {}, CredentialStore(PrivateFile(folder / "credentials.json")))
        self.lock = PrivateFile(folder / "agentos.lock")
        self.approvals = Approvals(
            self.lock,
            bundled={one.id: BundledSkill.of(one) for one in bundled},
            rewrite={f"https://{name.replace('_', '.')}": target for name, target in rewrite.items()},
            now=lambda: datetime(2026, 11, 20, tzinfo=UTC),
        )
        self.broker = CredentialBroker(self.credentials, self.approvals)

    def ask(self, of: Skill, origin: str = OPENROUTER, method: str = "POST") -> Authorization:
        return self.broker.authorize(of, next(iter(of.utilities.values())), origin, method)

    def release(self, of: Skill, origin: str = OPENROUTER, method: str = "POST") -> str | None:
        credential = self.ask(of, origin, method).credential
        return credential.fields["key"].reveal() if credential else None


def placed(of: Skill) -> set[str]:
    return {grant.placement for grant in authority_of(of).grants}


# ------------------------------------------------------------------ origins


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://openrouter.ai/api/v1", "https://openrouter.ai"),
        ("HTTPS://OpenRouter.AI:443?x", "https://openrouter.ai"),
        ("http://localhost:11434/api", "http://localhost:11434"),
        ("http://[::1]:80/", "http://[::1]"),
        ("https://openrouter.ai@evil.example/", None),
        ("https://openrouter.ai:key@evil.example/", None),
        ("https://openrouter.ai\\@evil.example/", None),
        ("https://openrouter.ai:70000/", None),
        ("https://openrouter.ai./", None),
        ("https://openrouter.ai\n", None),
        ("//openrouter.ai/", None),
        ("ftp://openrouter.ai/", None),
    ],
)
def test_an_origin_is_written_one_way_or_not_at_all(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("node", "origin"),
    [
        (Literal(CHAT_URL), OPENROUTER),
        (template("https://openrouter.ai/api/", TemplateParam("id")), OPENROUTER),
        (template("https://openrouter.ai"), OPENROUTER),
        (template("https://", TemplateParam("host"), "/x"), None),
        (template("https://openrouter.ai", TemplateParam("path", keep_slashes=True)), None),
        (jq('"https://openrouter.ai/api/" + .params.id'), OPENROUTER),
        (jq('("https://openrouter.ai/api/\\(.params.id)")'), OPENROUTER),
        (jq('"https://openrouter.ai" + "/models"'), OPENROUTER),
        (jq('"https://openrouter.ai\\(.params.id)"'), None),
        (jq('if .params.a then "https://a.example/" else "https://b.example/" end'), None),
        (jq(".params.url"), None),
        (PlainPath(("params", "url"), ".params.url", PLACE), None),
        (Literal(None), None),
    ],
)
def test_the_origin_of_a_manifests_url_is_what_no_param_can_change(node: Node, origin: str | None) -> None:
    assert declared_origin(node) == origin


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("localhost", True),
        ("127.0.0.1:9000", True),
        ("127.1", True),
        ("0x7f000001", True),
        ("2130706433", True),
        ("10.1.2.3", True),
        ("169.254.169.254", True),
        ("[::1]:80", True),
        ("[::ffff:10.0.0.1]", True),
        ("[64:ff9b::7f00:1]", True),
        ("nas", True),
        ("nas.local", True),
        ("metadata.google.internal", True),
        ("openrouter.ai", False),
        ("1.1.1.1", False),
        ("[2606:4700:4700::1111]", False),
        ("[::ffff:1.1.1.1]", False),
    ],
)
def test_private_addresses_are_known_by_every_spelling(host: str, private: bool) -> None:
    assert is_private(f"http://{host}") is private


# ------------------------------------------------------------------ authority


def test_each_place_of_a_credential_is_a_grant_of_its_own() -> None:
    auth = Auth(
        "default",
        "template",
        ("token", "org"),
        (
            AuthTemplate("header", "X-API-Key", (AuthField("token"),)),
            AuthTemplate("query", "org", (AuthField("org"),)),
            AuthTemplate("body", "token", (AuthField("token"),)),
        ),
    )
    assert placed(skill(auth=(auth,))) == {"header:x-api-key", "query:org", "body:token"}
    assert placed(skill(auth=(api_key(basic=True),))) == {"basic"}
    assert placed(skill(auth=(api_key(basic=True, header="X-Basic"),))) == {"basic:header:x-basic"}


def test_expressions_that_name_auth_are_places_too() -> None:
    auth = Auth("default", "expressions", ("key",), ())
    path = PlainPath(("auth", "key"), ".auth.key", PLACE)
    call = rest(
        jq('"https://openrouter.ai/\\(.auth.key)/x"', "key"),
        headers=Fields((("X-Key", path), ("Accept", Literal("a")))),
        query=fields(api_key=jq(".auth[.params.x]"), author=jq(".author")),
        body=fields(a=fields(b=path), c=Items((path, Literal(1)))),
        body_extra=jq("{token: .auth.key}", "key"),
        stream=Stream(delta=jq("."), body=fields(d=path)),
    )
    assert placed(skill(utility(call=call), auth=(auth,))) == {
        "url",
        "header:x-key",
        "query:api_key",
        "body:a.b",
        "body:c[]",
        "body",
        "body:d",
    }


def test_a_url_that_is_polled_is_part_of_the_authority() -> None:
    call = rest(poll=Poll(Literal("https://jobs.example/1"), jq("true"), None, 1.0, 60.0))
    assert (
        Grant("default", "https://jobs.example", "GET", "header:authorization")
        in authority_of(skill(utility(call=call))).grants
    )


def test_a_private_address_is_a_grant_without_a_credential() -> None:
    ollama = skill(utility(call=rest("http://localhost:11434/api/chat"), credential=None), called="ollama", auth=())
    assert authority_of(ollama).grants == {Grant(None, "http://localhost:11434", "POST", "network")}


def test_a_change_of_authority_is_told_line_by_line() -> None:
    before = authority_of(skill())
    after = authority_of(skill(utility(call=rest(f"{EVIL}/api", method="GET"))))
    assert before.diff(after) == (
        f'+ GET {EVIL} with the credential "default" in header:authorization',
        f'- POST {OPENROUTER} with the credential "default" in header:authorization',
    )
    assert before.diff(before) == ()
    assert before.digest != after.digest
    unknown = authority_of(skill(utility(call=rest(jq(".params.url")))))
    assert "a jq url must begin with a literal origin" in Authority().diff(unknown)[0]
    widened = dataclasses.replace(
        before, executors=frozenset({"rest", "command"}), domains=frozenset({"a.example"})
    )
    assert before.diff(widened) == ("+ name a.example as a host for its credential", "+ run command calls")


NAMES = st.text("abcäß:/ -", min_size=1, max_size=8)
GRANTS = st.builds(Grant, st.none() | NAMES, st.none() | NAMES, NAMES, NAMES)
AUTHORITIES = st.builds(Authority, *(st.frozensets(each, max_size=4) for each in (GRANTS, NAMES, NAMES)))


@given(AUTHORITIES)
@settings(deadline=None, max_examples=examples(60))
def test_an_authority_survives_being_written_and_read(authority: Authority) -> None:
    again = Authority.from_json(authority.as_json())
    assert again == authority
    assert again.digest == authority.digest


@pytest.mark.parametrize(
    "value",
    [
        7,
        {"grants": {}},
        {"grants": [7]},
        {"grants": [{"credential": None, "origin": 1, "method": "GET", "placement": "url"}]},
        {"grants": [{"credential": None, "origin": None, "method": 1, "placement": "url"}]},
        {"grants": [], "executors": [1], "domains": []},
    ],
)
def test_what_is_no_authority_is_refused(value: object) -> None:
    with pytest.raises(AuthorityError):
        Authority.from_json(value)  # type: ignore[arg-type]


# ------------------------------------------------------------------ release


def test_a_key_goes_where_the_bundled_skill_of_that_id_sends_it(tmp_path: Path) -> None:
    home = Home(tmp_path, KEY, bundled=(skill(),))
    assert home.release(skill()) == CANARY
    assert home.approvals.covers(skill(), next(iter(authority_of(skill()).grants))) == "bundled"


def test_a_key_of_the_environment_is_not_trusted_to_a_strangers_file(tmp_path: Path) -> None:
    home = Home(tmp_path, KEY)
    with pytest.raises(ApprovalRequired) as refused:
        home.release(skill())
    message = refused.value.message
    assert f'POST {OPENROUTER} with the credential "default" in header:authorization' in message
    assert message.endswith("run: agentos approve openrouter")
    assert refused.value.details == {"skill": "openrouter", "utility": "chat"}
    assert CANARY not in repr(refused.value)


CHANGES: dict[str, tuple[Skill, str, str]] = {
    "host": (skill(utility(call=rest(f"{EVIL}/api"))), EVIL, "POST"),
    "scheme": (skill(utility(call=rest("http://openrouter.ai/api"))), "http://openrouter.ai", "POST"),
    "port": (skill(utility(call=rest("https://openrouter.ai:444/api"))), "https://openrouter.ai:444", "POST"),
    "method": (skill(utility(call=rest(method="DELETE"))), OPENROUTER, "DELETE"),
    "header": (skill(auth=(api_key(header="X-Other"),)), OPENROUTER, "POST"),
    "place": (skill(utility(call=rest(body=fields(k=jq(".auth.key", "key"))))), OPENROUTER, "POST"),
    "id": (skill(called="other"), OPENROUTER, "POST"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_manifest_that_changes_where_the_key_goes_gets_none_until_approved(tmp_path: Path, change: str) -> None:
    changed, origin, method = CHANGES[change]
    home = Home(tmp_path, {**KEY, "OTHER_API_KEY": CANARY}, bundled=(skill(),))
    with pytest.raises(ApprovalRequired):
        home.release(changed, origin, method)
    home.approvals.approve(changed, NO_PINS)
    assert home.release(changed, origin, method) == CANARY
    assert home.release(skill()) == CANARY, "the bundled one stays approved"


@given(st.text(max_size=30).filter(lambda tail: origin_of(f"https://openrouter.ai{tail}") != OPENROUTER))
@settings(deadline=None, max_examples=examples(200))
def test_a_key_goes_to_no_other_origin_whatever_the_params_made_of_it(tail: str) -> None:
    home = Home(Path("/nonexistent"), KEY, bundled=(skill(),))
    with pytest.raises(ApprovalRequired):
        home.release(skill(), f"https://openrouter.ai{tail}")


def test_a_stored_key_goes_where_keys_set_showed_and_a_key_of_the_environment_does_not(tmp_path: Path) -> None:
    stranger = skill(called="stranger")
    home = Home(tmp_path)
    home.credentials.set("stranger", "default", {"key": CANARY}, authority_of(stranger).of_credential("default"))
    assert home.release(stranger) == CANARY
    with pytest.raises(ApprovalRequired):
        home.release(skill(utility(call=rest(f"{EVIL}/")), called="stranger"), EVIL)
    with pytest.raises(ApprovalRequired):
        Home(tmp_path, {"STRANGER_API_KEY": CANARY}).release(stranger)


def test_the_operators_rewrite_approves_its_origin_and_no_other(tmp_path: Path) -> None:
    home = Home(tmp_path, KEY, openrouter_ai="http://127.0.0.1:9000")
    assert home.release(skill()) == CANARY
    with pytest.raises(ApprovalRequired):
        home.release(skill(), EVIL)
    with pytest.raises(ApprovalRequired):
        home.release(skill(), "http://127.0.0.1:9000")


def test_an_approval_is_of_what_the_file_asked_for_and_is_asked_again_when_that_grows(tmp_path: Path) -> None:
    home, other = Home(tmp_path, KEY), Home(tmp_path, KEY)
    with pytest.raises(ApprovalRequired):
        home.release(skill())
    approval = other.approvals.approve(skill(digest="d" * 64), NO_PINS)
    assert (approval.digest, approval.approved_at) == ("d" * 64, "2026-11-20T00:00:00+00:00")
    assert home.approvals.lock().approvals == {"openrouter": approval}
    assert home.release(skill()) == CANARY
    assert home.release(skill(digest="e" * 64)) == CANARY, "a change of the prose asks nobody"
    with pytest.raises(ApprovalRequired):
        home.release(skill(utility(call=rest(f"{EVIL}/"))), EVIL)
    assert other.approvals.refuse("openrouter") == "2026-11-20T00:00:00+00:00"
    with pytest.raises(ApprovalRequired, match=r"was taken back .* agentos approve openrouter"):
        home.release(skill())
    other.approvals.approve(skill(), NO_PINS)
    assert home.release(skill()) == CANARY


def test_a_url_without_a_literal_origin_can_be_approved_for_nothing(tmp_path: Path) -> None:
    vague = skill(utility(call=rest(jq(".params.url"))))
    home = Home(tmp_path, KEY)
    home.approvals.approve(vague, NO_PINS)
    for origin in (OPENROUTER, "", "no origin"):
        with pytest.raises(ApprovalRequired, match="begins with a literal origin"):
            home.release(vague, origin)


def test_a_missing_key_says_which_and_how_to_set_it(tmp_path: Path) -> None:
    home = Home(tmp_path, bundled=(skill(),))
    with pytest.raises(CredentialNotFound) as missing:
        home.release(skill())
    assert missing.value.message.startswith('Credential not found: the skill "openrouter" needs its API Key.')
    assert "agentos keys set openrouter (or start the server with OPENROUTER_API_KEY set)" in missing.value.message
    assert missing.value.help_url == "https://openrouter.ai/keys"
    managed = skill(utility(credential="management"), auth=(api_key("management"),))
    with pytest.raises(
        CredentialNotFound, match=r"keys set openrouter --credential management .*OPENROUTER_MANAGEMENT_KEY"
    ):
        home.release(managed)
    home.credentials.set("openrouter", "default", {"key": CANARY}, [])
    assert home.release(skill()) == CANARY


def test_a_key_that_cannot_be_read_is_not_found_and_says_why(tmp_path: Path) -> None:
    home = Home(tmp_path, bundled=(skill(),))
    home.credentials.set("openrouter", "default", {"key": CANARY}, [])
    assert home.release(skill()) == CANARY
    (tmp_path / "credentials.json").chmod(0o644)
    with pytest.raises(CredentialNotFound, match=r"^Credential not found: .*run chmod 600"):
        home.release(skill())
    with pytest.raises(CredentialNotFound, match="OPENROUTER_API_KEY holds a line break"):
        Home(tmp_path, {"OPENROUTER_API_KEY": "a\nb"}, bundled=(skill(),)).release(skill())


def test_an_optional_key_may_be_missing_but_not_go_anywhere(tmp_path: Path) -> None:
    optional = skill(auth=(api_key(optional=True),))
    assert Home(tmp_path).release(optional) is None
    with pytest.raises(ApprovalRequired):
        Home(tmp_path, KEY).release(optional)


def test_what_is_released_comes_with_what_takes_it_out_of_the_reply(tmp_path: Path) -> None:
    redactor = Home(tmp_path, KEY, bundled=(skill(),)).ask(skill()).redactor
    assert redactor.clean({"echo": CANARY}) == {"echo": "[redacted]"}


def test_a_utility_that_carries_no_key_is_given_none(tmp_path: Path) -> None:
    assert Home(tmp_path, KEY).release(skill(utility(credential=None))) is None


def test_a_private_address_needs_approval_even_without_a_key(tmp_path: Path) -> None:
    origin = "http://localhost:11434"
    local = skill(utility(call=rest(f"{origin}/api/chat"), credential=None), called="ollama", auth=())
    home = Home(tmp_path)
    with pytest.raises(ApprovalRequired, match=f"calls POST {origin} on this machine's network"):
        home.release(local, origin)
    home.approvals.approve(local, NO_PINS)
    assert home.release(local, origin) is None
    assert home.ask(local, origin).allow_private
    with pytest.raises(ApprovalRequired):
        home.release(local, "http://localhost:22")
    bundled = Home(tmp_path / "other", bundled=(local,))
    assert bundled.release(local, origin) is None
    assert bundled.ask(local, origin).allow_private


def test_a_public_name_may_end_at_a_private_address_only_by_rewrite(tmp_path: Path) -> None:
    home = Home(tmp_path, KEY, openrouter_ai="http://127.0.0.1:9000")
    home.approvals.approve(skill(), NO_PINS)
    assert home.ask(skill()).allow_private
    assert not Home(tmp_path, KEY).ask(skill()).allow_private


def test_a_key_stored_for_a_private_address_permits_that_address(tmp_path: Path) -> None:
    origin = "http://10.0.0.5:8080"
    local = skill(utility(call=rest(f"{origin}/v1")), called="lab")
    home = Home(tmp_path)
    home.credentials.set("lab", "default", {"key": CANARY}, authority_of(local).of_credential("default"))
    assert home.release(local, origin) == CANARY
    assert home.ask(local, origin).allow_private


# ------------------------------------------------------------------ what is bundled

LESS: dict[str, Skill] = {
    "the same": skill(digest="1" * 64),
    "another path": skill(utility(call=rest("https://openrouter.ai/elsewhere")), digest="1" * 64),
    "no login": skill(auth=(api_key(),), digest="1" * 64),
}
MORE: dict[str, Skill] = {
    "another origin beside it": skill(utility(), utility("evil", call=rest(f"{EVIL}/")), digest="1" * 64),
    "another method beside it": skill(utility(), utility("gone", call=rest(method="DELETE")), digest="1" * 64),
    "another place": skill(auth=(api_key(header="X-Other"),), digest="1" * 64),
    "an address of this machine": skill(
        utility(), utility("lab", call=rest("http://10.0.0.5/"), credential=None), digest="1" * 64
    ),
    "a host to be named": dataclasses.replace(skill(digest="1" * 64), domains=("openrouter.ai",)),
    "another field of the credential": skill(
        auth=(
            Auth(
                "default",
                "template",
                ("management_key",),
                (AuthTemplate("header", "Authorization", ("Bearer ", AuthField("management_key"))),),
            ),
        ),
        digest="1" * 64,
    ),
    "an expression with the name": skill(utility(call=rest(body=fields(a=jq('"auth"')))), digest="1" * 64),
    "an expression with the name for streams": skill(
        utility(call=rest(stream=Stream(delta=jq("."), query=fields(a=jq('"auth"'))))), digest="1" * 64
    ),
    "another origin for streams": skill(
        utility(),
        utility("evil", call=rest(stream=Stream(delta=jq("."), url=Literal(f"{EVIL}/")))),
        digest="1" * 64,
    ),
    "a definition with the name": dataclasses.replace(skill(digest="1" * 64), definitions="def f: .auth;\n"),
}


@pytest.mark.parametrize("text", LESS)
def test_a_text_of_a_bundled_id_that_asks_for_no_more_needs_no_approval(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path, KEY, bundled=(skill(),))
    assert home.release(LESS[text]) == CANARY


@pytest.mark.parametrize("text", MORE)
def test_a_text_of_a_bundled_id_that_asks_for_more_is_a_strangers_as_a_whole(tmp_path: Path, text: str) -> None:
    keys = {**KEY, "OPENROUTER_MANAGEMENT_KEY": CANARY}
    home = Home(tmp_path, keys, bundled=(skill(),))
    with pytest.raises(ApprovalRequired):
        home.release(MORE[text])
    assert home.release(skill()) == CANARY, "the one that ships goes on"
    home.approvals.approve(MORE[text], NO_PINS)
    assert home.ask(MORE[text]).credential is not None


# ------------------------------------------------------------------ taken back


def test_what_is_taken_back_is_refused_however_it_was_approved_until_it_is_approved(tmp_path: Path) -> None:
    home, beside = Home(tmp_path, bundled=(skill(),)), Home(tmp_path, bundled=(skill(),))
    home.credentials.set("openrouter", "default", {"key": CANARY}, authority_of(skill()).grants)
    home.approvals.approve(skill(), NO_PINS)
    assert beside.release(skill()) == CANARY
    home.approvals.refuse("openrouter")
    for one in (home, beside, Home(tmp_path, KEY, bundled=(skill(),))):
        with pytest.raises(ApprovalRequired, match="run: agentos approve openrouter"):
            one.release(skill())
        assert one.broker.standing(skill()).state == "needs_approval"
        assert {each.approved_by for each in one.broker.permissions(skill())} == {None}
    assert home.credentials.end_grants("openrouter") == ("default",)
    assert home.credentials.end_grants("openrouter") == ()
    assert home.credentials.find("openrouter", "default", ["key"]), "the key stays"
    home.credentials.set("openrouter", "default", {"key": CANARY}, authority_of(skill()).grants)
    with pytest.raises(ApprovalRequired):
        home.release(skill())
    home.approvals.approve(skill(), NO_PINS)
    assert beside.release(skill()) == CANARY


def test_a_refused_skill_makes_no_call_at_all_but_where_the_rewrite_says(tmp_path: Path) -> None:
    keyless = skill(utility(credential=None), auth=())
    home = Home(tmp_path, KEY)
    assert home.release(keyless) is None
    home.approvals.refuse("openrouter")
    with pytest.raises(ApprovalRequired):
        home.release(keyless)
    assert home.broker.standing(keyless).state == "needs_approval"
    rewritten = Home(tmp_path, KEY, openrouter_ai="http://127.0.0.1:9000")
    assert rewritten.release(skill()) == CANARY
    assert rewritten.broker.standing(keyless).state == "ready"


# ------------------------------------------------------------------ a damaged lock


def whole_lock(folder: Path) -> bytes:
    """A lock with two approvals and two refusals."""
    home = Home(folder)
    for called in ("openrouter", "second"):
        home.approvals.approve(skill(called=called), NO_PINS)
    for called in ("bundled", "third"):
        home.approvals.refuse(called)
    return home.lock.path.read_bytes()


def refuses_everything(home: Home) -> None:
    for called in ("openrouter", "second", "bundled", "other"):
        with pytest.raises(ApprovalRequired, match=r"agentos\.lock"):
            home.release(skill(called=called))
    with pytest.raises(ApprovalRequired, match=r"agentos\.lock"):
        home.release(skill(utility(credential=None), called="keyless", auth=()))
    assert home.broker.standing(skill()).state == "needs_approval"


ENVIRON = {f"{name}_API_KEY": CANARY for name in ("OPENROUTER", "SECOND", "BUNDLED", "OTHER")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be relied on"),
        ("[]", "it is no lock file"),
        ('{"version": 0, "skills": {}}', "it is no lock file"),
        ('{"version": 3, "skills": {}}', "a newer agentos wrote it: version 3"),
        ('{"version": "2", "skills": {}}', "it is no lock file"),
        ('{"version": true, "skills": {}}', "it is no lock file"),
        ('{"version": 1, "skills": []}', "it is damaged"),
        ('{"version": 1, "skills": {"a": 1}}', "an entry is no object"),
        ('{"version": 1, "skills": {"a": {"grants": [], "executors": [], "domains": []}}}', "lacks digest"),
        ('{"version": 1, "skills": {}, "refused": {"bundled": "2026"}}', "it is damaged"),
        ('{"version": 2, "skills": {}, "refused": {}}', "it is damaged"),
        ('{"version": 2, "skills": {}, "refused": {}, "digest": "0"}', "it is damaged"),
    ],
)
def test_a_damaged_lock_asks_for_everything_again_and_is_never_overwritten(
    tmp_path: Path, text: str, words: str
) -> None:
    bundled = tuple(skill(called=called) for called in ("openrouter", "bundled", "other"))
    home = Home(tmp_path, ENVIRON, bundled=bundled)
    home.lock.path.write_text(text)
    home.lock.path.chmod(0o600)
    refuses_everything(home)
    for change in (lambda: home.approvals.approve(skill(), NO_PINS), lambda: home.approvals.refuse("openrouter")):
        with pytest.raises(PrivateFileError, match=words) as refused:
            change()
        assert f"mv {home.lock.path} {home.lock.path}.damaged" in str(refused.value)
    assert home.lock.path.read_text() == text
    rewritten = Home(tmp_path, ENVIRON, openrouter_ai="http://127.0.0.1:9000")
    assert rewritten.release(skill()) == CANARY, "the operator's rewrite needs no lock"


def test_a_lock_that_cannot_be_read_asks_for_everything_again(tmp_path: Path) -> None:
    bundled = tuple(skill(called=called) for called in ("openrouter", "bundled", "other"))
    home = Home(tmp_path / "home", ENVIRON, bundled=bundled)
    data = whole_lock(tmp_path / "home")
    home.lock.path.chmod(0o644)
    refuses_everything(home)
    home.lock.path.unlink()
    home.lock.path.symlink_to("elsewhere")
    refuses_everything(home)
    home.lock.path.unlink()
    home.lock.path.mkdir()
    refuses_everything(home)
    home.lock.path.rmdir()
    (tmp_path / "home").rename(tmp_path / "kept")
    (tmp_path / "home").write_text("not a folder")
    refuses_everything(home)
    (tmp_path / "home").unlink()
    (tmp_path / "kept").rename(tmp_path / "home")
    home.lock.path.write_bytes(data)
    home.lock.path.chmod(0o600)
    assert home.release(skill()) == CANARY
    with pytest.raises(ApprovalRequired):
        home.release(skill(called="bundled"))


@given(data=st.data())
@settings(deadline=None, max_examples=examples(100))
def test_no_damage_of_a_lock_approves_anything_or_loses_a_refusal(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    whole = whole_lock(folder)
    at = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.sampled_from((0, 1, 2, 8, len(whole))))
    put = data.draw(st.binary(max_size=4) | st.sampled_from((b"", b"1", b"x", b"{}", b"null", b'"', whole)))
    damaged = whole[:at] + put + whole[at + length :]
    (folder / "agentos.lock").write_bytes(damaged)
    bundled = tuple(skill(called=called) for called in ("bundled", "third", "fourth"))
    home = Home(folder, {**ENVIRON, "THIRD_API_KEY": CANARY, "FOURTH_API_KEY": CANARY}, bundled=bundled)
    approved = {called for called in ("openrouter", "second", "bundled", "third", "fourth") if is_let(home, called)}
    same = damaged.split() == whole.split()
    assert approved == ({"openrouter", "second", "fourth"} if same else set()) or json_equal(damaged, whole)


def is_let(home: Home, called: str) -> bool:
    try:
        return home.release(skill(called=called)) == CANARY
    except ApprovalRequired:
        return False


def json_equal(one: bytes, other: bytes) -> bool:
    """Damage that changes nothing of what is said, such as a space more."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def test_a_lock_of_the_first_version_is_read_and_written_anew(tmp_path: Path) -> None:
    home = Home(tmp_path, {**KEY, "SECOND_API_KEY": CANARY})
    entry = {**authority_of(skill()).as_json(), "digest": "d" * 64, "approved_at": "2026-11-01T00:00:00+00:00"}
    home.lock.path.write_text(json.dumps({"version": 1, "skills": {"openrouter": entry}}))
    home.lock.path.chmod(0o600)
    assert home.release(skill()) == CANARY
    home.approvals.approve(skill(called="second"), NO_PINS)
    assert json.loads(home.lock.path.read_bytes())["version"] == 2
    assert (home.release(skill()), home.release(skill(called="second"))) == (CANARY, CANARY)


# ------------------------------------------------------------------ what is shown


def test_a_skill_says_in_lists_what_it_lacks(tmp_path: Path) -> None:
    two = skill(utility(), utility("keys", credential="management"), auth=(api_key(), api_key("management")))
    state: Callable[[Home, Skill], str] = lambda home, of: home.broker.standing(of).state  # noqa: E731
    assert state(Home(tmp_path, bundled=(two,)), two) == "needs_credential"
    assert state(Home(tmp_path, KEY, bundled=(two,)), two) == "ready", "a second key is not needed for most"
    assert state(Home(tmp_path, KEY), two) == "needs_approval"
    assert Home(tmp_path, KEY).broker.standing(two).unapproved == tuple(authority_of(skill()).grants)
    assert state(Home(tmp_path), skill(utility(credential=None))) == "ready"
    partly = skill(utility(), utility("public", credential=None))
    assert state(Home(tmp_path, bundled=(partly,)), partly) == "needs_credential", "what it is for needs its key"
    assert state(Home(tmp_path, KEY, bundled=(partly,)), partly) == "ready"


def test_what_a_skill_asks_for_is_shown_with_who_approved_it(tmp_path: Path) -> None:
    wide = skill(
        utility(),
        utility("evil", call=rest(f"{EVIL}/")),
        utility("gone", call=rest(method="DELETE")),
        utility("lab", call=rest("http://10.0.0.5/"), credential=None),
    )
    home = Home(tmp_path, bundled=(skill(),))
    deletion = Grant("default", OPENROUTER, "DELETE", "header:authorization")
    home.credentials.set("openrouter", "default", {"key": CANARY}, [deletion])
    home.approvals.approve(skill(utility("lab", call=rest("http://10.0.0.5/"), credential=None)), NO_PINS)
    shown = [one.as_json() for one in home.broker.permissions(wide)]
    assert [(one["origin"], one["method"], one["approved_by"]) for one in shown] == [
        ("http://10.0.0.5", "POST", "agentos.lock"),
        (OPENROUTER, "DELETE", "keys set"),
        (OPENROUTER, "POST", "bundled"),
        (EVIL, "POST", None),
    ]
    home.lock.path.chmod(0o644)
    (tmp_path / "credentials.json").chmod(0o644)
    assert {one.approved_by for one in home.broker.permissions(wide)} == {None}


@pytest.mark.slow
def test_decisions_are_kept_in_bounds(tmp_path: Path) -> None:
    home = Home(tmp_path, KEY, bundled=(skill(),))
    for number in range(5000):
        assert home.release(skill(digest=str(number))) == CANARY
    assert home.release(skill()) == CANARY
