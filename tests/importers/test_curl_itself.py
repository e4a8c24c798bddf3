"""What curl sends for a command, the utility that is made of it sends as well."""

# ruff: noqa: E501  (a command stands as it is written)

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from tests.importers.workshop import Workshop

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
KEY = "canary-4711-secret"
OF_THE_CLIENT = {
    "host", "user-agent", "content-length", "connection", "accept-encoding", "accept", "transfer-encoding", "expect",
}  # fmt: skip
WHOLE = os.environ.get("AGENTOS_TEST_CURL") == "all"
KEYS = ("SERVICE_API_KEY", "SERVICE_TOKEN", "SERVICE_PASSWORD")
COMMANDS = [
    "curl -sSL 'URL/v1/things?limit=5&q=a%20b'",
    "curl -X POST URL/v1/things -H 'Content-Type: application/json' -d '{\"name\": \"cats\", \"n\": [1, 2.5, null, true]}'",
    "curl URL/v1/things -d name=cats -d 'note=two words' -d amount=10",
    "curl URL/v1/things --data-urlencode 'note=a&b=c d' --data-urlencode name=cats",
    "curl -G URL/v1/search --data-urlencode 'q=cats & dogs' -d page=2",
    "curl -G 'URL/v1/search?a=1' -d b=2 -d c=3",
    "curl -u \"user:$KEY\" URL/v1/me",
    "curl -u \"$KEY:\" URL/v1/charges -d amount=2000 -d currency=usd -d 'metadata[order]=6735'",
    "curl --json '{\"a\": {\"b\": [1]}}' URL/v1/things",
    "curl --form-string 'text=@not a file' -F n=1 URL/v1/files",
    "curl --request=PATCH URL/v1/things/12 --header 'Content-Type: application/json' --data-raw '{\"done\":true}'",
    "curl --request PATCH URL/v1/things/12 --header 'Content-Type: application/json' --data-raw '{\"done\":true}'",
    "curl -XDELETE URL/v1/things/12 -H \"Authorization: token $KEY\"",
    "curl --url URL/v1/me --header \"Authorization: Bearer $KEY\"",
    "curl -H \"X-Api-Key: ${KEY}\" URL/v1/me",
    "curl URL/v1/things -H 'Content-Type: application/json' -d @- <<'EOF'\n{\"name\": \"it's\",\n \"n\": 1}\nEOF",
    "curl URL/v1/things -H 'Content-Type: application/json' -d @- <<EOF\n{\"name\": \"cats\"}\nEOF",
    "curl --compressed URL/v1/me",
    "curl URL/v1/things --json $'{\"a\": \"it\\'s\\\\nnew\"}'",
    "curl -X POST URL/v1/jobs",
    "curl -X POST URL/v1/jobs -d ''",
    "curl -X POST URL/v1/jobs -H 'Content-Type: application/json' -d '{}'",
    "curl -I URL/v1/me",
    "curl -X GET URL/v1/_search -H 'Content-Type: application/json' -d '{\"query\": {\"match_all\": {}}}'",
    "curl -X PUT URL/v1/text -H 'Content-Type: text/plain' --data-binary 'one line'",
    "curl URL/graphql -H 'Content-Type: application/json' -d '{\"query\": \"{ viewer { login } }\"}'",
    "curl -H 'Accept: application/vnd.github+json' -H 'X-GitHub-Api-Version: 2022-11-28' URL/repos/octo/hello/issues",
    "curl \"URL/v1/a?key=$KEY&q=x\"",
    "curl -g 'URL/v1/a?filter[name]=x&filter[age][gte]=3'",
    "curl 'URL/v1/a?date=2026-01-02T03:04:05%2B01:00'",
    "curl 'URL/v1/a?empty=&flag&x=1'",
    "curl 'URL/v1/a?tag=a&tag=b'",
    "curl URL/v1/a -d 'tags[]=a' -d 'tags[]=b'",
    "curl URL/v1/a --data-raw 'a=1+2&b=%2B'",
    "curl -X POST 'URL/v1/a?dry=true' -d 'x=1'",
    "curl URL/v1/a -H 'Content-Type: application/xml' -d '<a><b>1</b></a>'",
    "curl URL/v1/a -H 'Content-Type: application/json' -d '[1, 2, {\"a\": null}]'",
    "curl URL/v1/a -H 'Content-Type: application/json' -d '\"text\"'",
    "curl URL/v1/a -H 'Content-Type: application/vnd.api+json' -d '{\"data\": {\"type\": \"x\"}}'",
    "curl --oauth2-bearer \"$KEY\" URL/v1/me",
    "curl -A 'my-app/1.0' URL/v1/me",
    "curl -e https://example.com/from URL/v1/me",
    "curl -r 0-99 URL/v1/file",
    "curl URL/v1/a --url-query 'q=x y' --url-query n=2",
    "curl -H 'X-Empty;' URL/v1/me",
    "curl -s -o /dev/null -w '%{http_code}' URL/v1/me",
    "curl -sS --fail-with-body --retry 3 --max-time 20 URL/v1/me",
    "curl URL/v1/caf%C3%A9/a%2Fb",
    "curl URL/v1/a --data '{\"big\": 12345678901234567890, \"f\": 1.0}' -H 'Content-Type: application/json'",
    "curl URL/v1/a -H 'content-type: application/x-www-form-urlencoded' -d 'grant=x&scope=a%20b'",
    "curl -sS \\\n  -X POST \\\n  URL/v1/a \\\n  -H \"Authorization: Bearer ${KEY}\" \\\n  -d '{\"a\":1}' -H content-type:application/json",
    "curl URL/v1/a -H 'Content-Type: application/json' --data '{\"text\": \"tab\\t quote\\\" back\\\\ \\u00e9 😀\"}'",
    "curl URL/v1/a -H 'Content-Type: application/json' --data \"{\\\"key\\\": \\\"value\\\", \\\"n\\\": [1,2]}\"",
    "curl -H 'Accept: application/json' -H 'Accept-Language: de' URL/v1/me",
    "curl -H 'X-Org: a: b' -H 'X-Trace:1' URL/v1/me",
    "curl URL/v1/a -d 'json={\"a\":[1,2]}' -d 'channel=#general'",
    "curl URL/v1/a --data-urlencode 'To=+15551234' --data-urlencode 'Body=Hi & bye=1'",
    "curl URL/v1/a --data-urlencode '=raw text&'",
    "curl URL/v1/a --data-urlencode 'raw only'",
    "curl URL/v1/a -d 'a[b][c]=1' -d 'a[b][d][]=2' -d 'a[b][d][]=3'",
    "curl URL/v1/a -d a=1 -d a=2",
    "curl URL/v1/a -d 'a=%C3%A9&b=x+y'",
    "curl URL/v1/a -d flag -d b=1",
    "curl URL/v1/a -d 'b=' -d c=2",
    "curl -X POST URL/v1/a -F 'tags=a' -F 'tags=b' -F 'meta={\"a\":1};type=application/json'",
    "curl 'URL/v1/a;v=1/b:verb?x=1'",
    "curl 'URL/v1/users/@me/~x/a+b'",
    "curl 'URL/v1/a?q=a+b&r=a%2Bb&s=50%25&t=%26'",
    "curl 'URL/v1/a?q=%E2%82%AC&fields=id,name&sort=-created'",
    "curl 'URL/v1/a?filter={\"a\":1}' -g",
    "curl 'URL/v1/a?expand[]=data.x&expand[]=data.y' -g -u \"$KEY:\"",
    "curl 'URL/v1/a/'",
    "curl 'URL/?x=1'",
    "curl 'URL'",
    "curl 'URL//a//b'",
    "curl -X POST URL/v1/a -H 'Content-Type: application/json' -d 'true'",
    "curl -X POST URL/v1/a -H 'Content-Type: application/x-ndjson' --data-binary $'{\"a\":1}\\n{\"b\":2}\\n'",
    "curl -X POST URL/v1/a -H 'Content-Type: application/graphql' -d '{ me { id } }'",
    "curl -H 'Authorization: Basic dXNlcjpjYW5hcnktNDcxMS1zZWNyZXQ=' URL/v1/me",
    "curl -H \"Authorization: Token token=$KEY\" URL/v1/me",
    "curl -H \"Authorization: GenieKey $KEY\" URL/v1/me",
    "curl -H \"PRIVATE-TOKEN: $KEY\" \"URL/api/v4/projects/a%2Fb/issues?state=opened\"",
    "curl -H \"DD-API-KEY: $KEY\" -X POST URL/api/v1/series -d '{\"series\":[{\"metric\":\"x\",\"points\":[[1,2.0]]}]}' -H 'Content-Type: text/json'",
    "export X=1\ncurl URL/v1/me",
    "$ curl URL/v1/me",
    "curl URL/v1/me | jq .",
    "curl URL/v1/me # the caller",
    "curl -X DELETE URL/v1/a -H 'Content-Type: application/json' -d '{\"ids\": [1]}'",
    "curl -X POST URL/v1/a -d 'a=1' -G",
    "curl --get --data 'a=1&b=%20' URL/v1/a",
    "curl --head --location URL/v1/me",
    "curl -kvsSfL --max-redirs 3 URL/v1/me",
    "curl -XPUT URL/idx/_doc/1 -H'Content-Type: application/json' -d'\n{\n  \"user\": \"kim\"\n}\n'",
    "curl -d amount=1 -d currency=usd URL/v1/charges -H \"Idempotency-Key: abc\" -H 'Stripe-Version: 2024-01-01' -u $KEY:",
    "curl URL/v1/a -H 'Content-Type: application/json' -d '{\"a\": {\"a\": 1, \"b\": {\"a\": 2}}, \"b\": \".params.x\"}'",
    "curl 'URL/v1/a?x=.params.y&z=$settings'",
    "curl URL/v1/a -H 'X-J: .params.x' -H 'X-K: {\"a\": 1}' -H 'X-L: \"quoted\"'",
    "curl URL/v1/a --json '{\"stream\": false, \"limit\": 5, \"wait\": true, \"all\": 1}'",
    "curl 'URL/v1/a?stream=false&limit=5&cursor=abc'",
    "RESP=$(curl -s URL/v1/me)",
    "RESP=`curl -s URL/v1/me`",
    "echo \"$(curl -s 'URL/v1/me?a=(b)')\"",
    "cat <<EOF | curl -X POST URL/v1/x -H 'Content-Type: application/json' -d @-\n{\"a\": 1}\nEOF",
    "echo '{\n \"a\": 1,\n \"b\": \"it | x\"\n}' \\\n | curl -X POST URL/v1/x -H 'Content-Type: application/json' --data-binary @-",
    "printf '%s' '{\"a\": 1}' | curl -X POST URL/v1/x -H 'Content-Type: application/json' -d @-",
    "curl -X POST URL/v1/x -H 'Content-Type: application/json' -d \"$(cat <<'EOF'\n{\"a\": 1, \"b\": \"(\"}\nEOF\n)\"",
    "curl -H 'Content-Type: application/json' -d @- <<<'{\"a\":1}' -X POST URL/v1/x",
]  # fmt: skip
DOUBLED = [each for each in COMMANDS if "URL//" in each]


class Toy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Toy
    protocol_version = "HTTP/1.1"

    def _take(self) -> None:
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        split = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() not in OF_THE_CLIENT}
        written = headers.pop("content-type", "")
        kind = written if body else ""
        self.server.seen.append(
            {
                "method": self.command,
                "path": split.path if "%2F" in split.path else unquote(split.path),
                "query": sorted(parse_qsl(split.query, keep_blank_values=True)),
                "headers": headers,
                "kind": kind.partition(";")[0],
                "body": meant(kind, body),
            }
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"{}")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _take  # noqa: N815 - as the standard library has it

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the standard library has it
        pass


def meant(kind: str, body: bytes) -> Any:
    """A body as what it says, which may be written in several ways."""
    if "json" in kind and "ndjson" not in kind and body:
        return json.loads(body, parse_float=str, parse_int=str)
    if "x-www-form-urlencoded" in kind:
        return parse_qsl(body.decode(), keep_blank_values=True)
    if kind.startswith("multipart/"):
        parts = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
        return [
            (part["Content-Disposition"].params, part.get_content_type(), part.get_payload())
            for part in parts.iter_parts()
        ]
    return body


@pytest.fixture(scope="module")
def toy() -> Iterator[Toy]:
    with Toy() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.mark.parametrize("command", COMMANDS if WHOLE else [*COMMANDS[::9], *DOUBLED])
def test_a_command_sends_what_curl_sends(workshop: Workshop, toy: Toy, tmp_path: Path, command: str) -> None:
    command = command.replace("URL", f"http://127.0.0.1:{toy.server_port}")
    (tmp_path / "note.txt").write_text("a note\n")
    (tmp_path / "body.json").write_text('{"name": "cats"}')
    toy.seen.clear()
    environ = {"PATH": os.environ["PATH"], "KEY": KEY, "HOME": str(tmp_path)}
    real = re.sub(r"--request=(\w+)", r"--request \1", command.removeprefix("$ "))  # what some write, curl refuses
    subprocess.run(["bash", "-c", real], cwd=tmp_path, env=environ, capture_output=True, timeout=60, check=True)
    done = workshop.run("curl", command)
    assert done.code == 0, done.err
    front = workshop.front()
    (name,) = front["utilities"]
    approved = workshop.console.run("approve", "service", "--yes")
    assert approved.code == 0, approved.err
    called = workshop.console.run("call", "service", name, **dict.fromkeys(KEYS, KEY), SERVICE_USERNAME="user")
    assert called.code == 0, called.err + called.out
    assert toy.seen[1] == toy.seen[0]
