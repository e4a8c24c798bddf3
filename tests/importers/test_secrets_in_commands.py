"""Secrets in every place of a command, a recording and a collection: none of them enters a file or a report."""

import json
import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.curl.options import _VALUED as VALUED
from agentos_runtime.importers.service import CurlImport, import_curl
from agentos_runtime.importers.update import Disk
from tests.importers.workshop import Workshop
from tests.sizes import examples

ADDRESS = "https://a.example.com/v1/x"
SHAPED = "sk-proj-Zk3vQ9tX7bL2mN8pR4wY6cD1"
RANDOM = "q7Vx2LmZ9tRk4WbN"
OF_SECRETS = (
    "user", "proxy-user", "pass", "proxy-pass", "tlspassword", "proxy-tlspassword", "oauth2-bearer", "cert",
    "proxy-cert", "cookie", "preproxy", "proxy", "socks5", "header",
)  # fmt: skip
"""Options whose value is a secret whatever it looks like."""
NAMES = (
    "key", "api_key", "access_token", "client_secret", "password", "sig", "refresh_token", "private_key", "appid",
    "user_key", "session", "jwt", "hapikey", "client_assertion", "X-Auth-Token", "apiKey", "otp", "authtoken",
)  # fmt: skip

secrets = st.sampled_from([SHAPED, RANDOM])
valued = st.builds(
    lambda name, form: f"--{name}{form}{SHAPED}",
    st.sampled_from(sorted(VALUED - {"url", "request", "config"})),
    st.sampled_from([" ", "="]),
)
written = st.sampled_from([
    "me:{}", "{}", "http://me:{}@proxy:80", "client.pem:{}", "sid={}", "Authorization: Bearer {}", "X-Api-Key: {}",
    "Proxy-Authorization: Basic {}", "Cookie: a={}",
])  # fmt: skip
of_secrets = st.builds(
    lambda name, form, secret: f"--{name} {shlex.quote(form.format(secret))}",
    st.sampled_from(OF_SECRETS),
    written,
    secrets,
).filter(lambda said: not said.startswith("--header") or ": " in said)
places = st.sampled_from([
    "-d '{0}={1}'",
    "--data-urlencode '{0}={1}'", "-F '{0}={1}'", "-G -d '{0}={1}'", "-H '{0}: {1}'", "-b '{0}={1}'",
    "--url-query '{0}={1}'", '--json \'{{"{0}": "{1}"}}\'', '--json \'{{"a": [{{"{0}": "{1}"}}]}}\'',
    "'https://b.example.com/y?{0}={1}'",
    "--next 'https://b.example.com/y?{0}={1}'", "--url 'https://me:{1}@b.example.com/'",
    "-H $'{0}: {1}'", "-d $'{0}={1}\\n'", "--json $'{{\"{0}\": \"{1}\"}}'", "-F '{0}={1};type=text/plain'",
    "--form-string '{0}={1}'", "-d '{{\"{0}\": \"{1}\"}}' -H 'content-type: application/json'", "-b 'a=b; {0}={1}'",
    "-H 'Cookie: {0}={1}'", "-H 'Authorization: Token token={1}'", "-H 'Authorization: Digest response=\"{1}\"'",
    "-H 'Authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, Signature={1}'", "--aws-sigv4 aws:amz -u 'AKIA:{1}'",
    "--url-query '+{0}={1}'", "'https://b.example.com/y#{0}={1}'", "'https://b.example.com/y;{0}={1}'",
    "-d @- <<'EOF'\n{0}={1}\nEOF\n", "--json @- <<'EOF'\n{{\"{0}\": \"{1}\"}}\nEOF\n",
    "-H 'content-type: application/xml' -d '<a {0}=\"{1}\"/>'", "-e 'https://b.example.com/?{0}={1}'",
    "--variable '{0}={1}' --expand-data '{{{{{0}}}}}'", "-d 'q=a&{0}={1}'", "-G -d 'filter[{0}]={1}'",
    "-d '{0}[]={1}'", "-d 'a[{0}]={1}'", "-H '{0}: Bearer {1}'", "-d '{0}={1}&{0}={1}'",
])  # fmt: skip
named = st.builds(lambda form, name, secret: form.format(name, secret), places, st.sampled_from(NAMES), secrets)


@pytest.mark.parametrize(
    "form", ["-F {1}", "-d {1}", "-G -d {1}", "-H 'content-type: a/xml' -d '<a><{0}>{1}</{0}></a>'"]
)
def test_a_secret_without_a_name_is_told_by_its_form(form: str) -> None:
    imported = import_curl(CurlImport(f"curl {ADDRESS} {form.format('key', SHAPED)}"), "service", Disk({}, {}))
    assert SHAPED not in "\n".join([*imported.plan.files.values(), *imported.losses.lines(99)])


AROUND = [
    "export KEY={1}\ncurl {2}",
    "KEY={1} curl {2}",
    "curl {2} | grep {1}",
    "curl {2} # {0}={1}",
    "curl {2} > {1}.json",
    'curl ^"{2}?{0}={1}^" ^\n  -H ^"{0}: {1}^" ^\n  --data-raw ^"^{{^\\^"{0}^\\^":^\\^"{1}^\\^"^}}^"',
    '$ curl {2} -d \'{0}={1}\'\n{{"{0}": "{1}"}}',
    "curl {2} -d '{0}={1}' && curl {2} -d '{0}={1}'",
]


@pytest.mark.parametrize("name", ["password", "X-Auth-Token", "access_token"])
@pytest.mark.parametrize("form", AROUND)
def test_no_secret_around_a_command_enters_a_file(form: str, name: str) -> None:
    imported = import_curl(CurlImport(form.format(name, RANDOM, ADDRESS)), "service", Disk({}, {}))
    assert RANDOM not in "\n".join([*imported.plan.files.values(), *imported.losses.lines(99)])


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(valued | of_secrets | named, min_size=1, max_size=4), st.booleans())
def test_no_secret_of_a_command_enters_a_file_or_a_report(said: list[str], before: bool) -> None:
    command = f"curl {' '.join([*said, ADDRESS] if before else [ADDRESS, *said])}"
    try:
        imported = import_curl(CurlImport(command), "service", Disk({}, {}))
        text = "\n".join([*imported.plan.files.values(), *imported.plan.base.values(), *imported.losses.lines(99)])
    except ImportProblem as error:
        text = str(error)
    assert SHAPED not in text
    assert RANDOM not in text


def recorded(name: str, secret: str) -> dict[str, Any]:
    request = {
        "method": "POST",
        "url": f"{ADDRESS}?{name}={secret}",
        "headers": [{"name": name, "value": secret}, {"name": "content-type", "value": "application/json"}],
        "queryString": [{"name": name, "value": secret}],
        "cookies": [{"name": name, "value": secret}],
        "postData": {"mimeType": "application/json", "text": json.dumps({name: secret, "a": {name: secret}})},
    }
    content = {"mimeType": "application/json", "text": json.dumps({name: secret})}
    return {
        "log": {
            "version": "1.2",
            "entries": [{"request": request, "response": {"status": 200, "content": content}}],
        }
    }


def collected(name: str, secret: str) -> dict[str, Any]:
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    request = {
        "method": "POST",
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": secret, "type": "string"}]},
        "header": [{"key": name, "value": secret}],
        "url": {
            "raw": f"{ADDRESS}?{name}={secret}",
            "host": ["https://a.example.com"],
            "path": ["v1", "x"],
            "query": [{"key": name, "value": secret}],
        },
        "body": {"mode": "raw", "raw": json.dumps({name: secret}), "options": {"raw": {"language": "json"}}},
    }
    variables = [{"key": "token", "value": secret}]
    return {
        "info": {"name": "Service", "schema": schema},
        "item": [{"name": "x", "request": request}],
        "variable": variables,
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["har", "postman"])
def test_no_secret_of_a_recording_or_a_collection_enters_a_file(workshop: Workshop, kind: str, name: str) -> None:
    made = recorded(name, RANDOM) if kind == "har" else collected(name, RANDOM)
    done = workshop.run(kind, workshop.document(json.dumps(made), "made.json"))
    assert done.code == 0, done.err
    files = [file for file in (workshop.folder / "skills").rglob("*") if file.is_file()]
    texts = [done.out, done.err, *(file.read_text(encoding="utf-8") for file in files)]
    assert [text for text in texts if RANDOM in text] == []
