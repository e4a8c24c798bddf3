"""Skills written from the words of docs/manifest.md alone, for services that take nothing but their own ways."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.cli.console import PATIENCE, Console

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
MONEY = """\
---
id: money
name: Money
description: Payments by forms
auth: {type: basic, password: "", label: Secret key}
api: {base_url: "ORIGIN/v1", nested: brackets, headers: {Money-Version: 2024-06-20}}
utilities:
  create_customer:
    description: A new customer
    params:
      email: {type: string, required: true}
      metadata: {type: object}
    returns: {id: string, email: string}
    rest:
      method: POST
      url: /customers
      encoding: form
      body: {email: .params.email, metadata: .params.metadata}
      retry: {attempts: 3, idempotency_header: Idempotency-Key}
      response: {mapping: {id: .id, email: .email}}
  subscribe:
    description: Bill a customer every month
    params:
      customer: {type: string, required: true}
      items:
        type: array
        required: true
        items: {type: object, properties: {price: {type: string, required: true}, quantity: {type: integer}}}
    rest: {method: POST, url: /subscriptions, encoding: form, body: .params}
  charges:
    description: Charges, newest first
    params: {customer: {type: string}, since: {type: integer, description: Unix seconds}}
    returns: array
    rest:
      url: /charges
      query: {customer: .params.customer, created: {gte: .params.since}}
      response: {root: /data, transform: 'map({id, amount})'}
      paginate:
        style: cursor
        position: starting_after
        limit: limit
        items: /data
        size: 2
        next: 'if .has_more then .data[-1].id else null end'
---
"""
TABLES = """\
---
id: tables
name: Tables
description: Exports as CSV and XML
auth: {type: api_key, query: api_key}
api: {base_url: "ORIGIN"}
utilities:
  sales:
    description: All sales, from a CSV export in pages
    returns: array
    rest:
      url: /sales.csv
      response: {as: csv, csv: {delimiter: ";"}, transform: 'map({day: .Day, amount: (.Amount | tonumber)})'}
      paginate: {style: cursor, position: {query: cursor}, next: '$response.headers["x-next-cursor"]'}
  orders:
    description: All orders, from XML in pages
    returns: array
    rest:
      url: /orders.xml
      response:
        as: xml
        xml: simple
        transform: '[.orders.order // empty] | flatten | map({id: .["@id"], total})'
      paginate:
        style: cursor
        position: {header: X-Cursor}
        next: '$response.headers["x-next-cursor"]'
        items: /orders/order
---
"""
GRAPH = """\
---
id: graph
name: Graph
description: Repositories over GraphQL
auth: {type: api_key, header: Authorization, prefix: "Bearer "}
utilities:
  repos:
    description: Repositories of an organisation
    effect: read
    params: {org: {type: string, required: true}}
    returns: array
    rest:
      method: POST
      url: ORIGIN/graphql
      body:
        query: 'query($org: String!, $n: Int, $after: String) { organization(login: $org) { repos { nodes } } }'
        variables: {org: .params.org}
      response: {root: /data/organization/repositories/nodes}
      paginate:
        style: cursor
        position: {body: /variables/after}
        limit: {body: /variables/n}
        size: 2
        items: /data/organization/repositories/nodes
        next: '.data.organization.repositories.pageInfo | if .hasNextPage then .endCursor else null end'
---
"""
JOBS = """\
---
id: jobs
name: Jobs
description: Reports that are made in the background
auth: {type: api_key, header: X-Api-Key}
api: {base_url: "ORIGIN"}
utilities:
  report:
    description: Make a report
    params: {month: {type: string, required: true}}
    returns: {url: string}
    rest:
      method: POST
      url: /reports
      body: {month: .params.month}
      response: {mapping: {url: .download_url}}
      poll:
        url: $response.headers.location
        until: '.status == "done"'
        failed: '.status == "failed"'
        interval: 0.01
---
"""
LIMITED = """\
---
id: limited
name: Limited
description: A service that says 403 for too many requests
auth: none
utilities:
  stars:
    description: Stars of a repository
    params: {name: {type: string, required: true}}
    returns: {stars: integer}
    rest: {url: "ORIGIN/repos/{name}", response: {mapping: {stars: .stargazers_count}}}
  quota:
    description: Tells its limit in words alone
    rest:
      url: ORIGIN/quota
      response:
        error: 'if .errorCode == "QUOTA" then {message: .reason, status: 429, retry_after: .wait} else null end'
---
"""
LINES = """\
---
id: lines
name: Lines
description: Models and their answers, line by line
auth: none
utilities:
  models:
    description: All models
    returns: array
    rest: {url: ORIGIN/models, response: {as: ndjson, transform: 'map({id, size})'}}
  tell:
    description: Tell something
    params: {topic: {type: string, required: true}}
    returns: {text: string}
    rest:
      method: POST
      url: ORIGIN/tell
      body: {topic: .params.topic, stream: false}
      response: {mapping: {text: .response}}
      stream:
        format: ndjson
        body: {stream: true}
        delta: '.response // empty'
        accumulate: text
        end: .done
        reply: '{text: .}'
---
"""
SKILLS = {"money": MONEY, "tables": TABLES, "graph": GRAPH, "jobs": JOBS, "limited": LIMITED, "lines": LINES}
Answer = tuple[int, str, dict[str, str]]


class Services(BaseHTTPRequestHandler):
    """All of them, strict: what is not said in their way is refused."""

    protocol_version = "HTTP/1.1"
    keys_seen: list[str]
    looks: dict[str, int]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _answer(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        name = parts.path.strip("/").split("/")[0].split(".")[0]
        status, text, headers = getattr(self, f"_{name}")(parts.path, query, body)
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def _v1(self, path: str, query: dict[str, str], body: bytes) -> Answer:
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(f"{KEY}:".encode()).decode():
            return 401, json.dumps({"error": {"message": "Invalid API Key", "type": "invalid_request_error"}}), {}
        assert self.headers.get("Money-Version") == "2024-06-20"
        form = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body))
        values = dict(form)
        if path == "/v1/customers":
            self.keys_seen.append(self.headers.get("Idempotency-Key", ""))
            if values["email"].startswith("declined"):
                error = {"message": "Your card was declined.", "type": "card_error", "code": "card_declined"}
                return 402, json.dumps({"error": error}), {}
            return 200, json.dumps({"id": "cus_1", "object": "customer", **values}), {}
        if path == "/v1/subscriptions":
            return 200, json.dumps(form), {}
        charges = [{"id": f"ch_{index}", "amount": index * 100, "currency": "eur"} for index in range(5)]
        if "created[gte]" in query:
            charges = charges[: int(query["created[gte]"])]
        begin = next((i + 1 for i, each in enumerate(charges) if each["id"] == query.get("starting_after")), 0)
        shown = charges[begin : begin + int(query.get("limit", "10"))]
        more = begin + len(shown) < len(charges)
        return 200, json.dumps({"object": "list", "data": shown, "has_more": more}), {}

    def _sales(self, path: str, query: dict[str, str], body: bytes) -> Answer:
        if query.get("api_key") != KEY:
            return 403, "forbidden", {"Content-Type": "text/plain"}
        pages = {"": ("2026-01-01;10\r\n2026-01-02;12.5\r\n", "p2"), "p2": ('"2026-01-03";"7"\r\n', "")}
        rows, following = pages[query.get("cursor", "")]
        more = {"X-Next-Cursor": following} if following else {}
        return 200, "Day;Amount\r\n" + rows, {"Content-Type": "text/csv; charset=utf-8", **more}

    def _orders(self, path: str, query: dict[str, str], body: bytes) -> Answer:
        assert query["api_key"] == KEY
        pages = {
            "": ('<order id="1"><total>9.50</total></order><order id="2"><total>1</total></order>', "p2"),
            "p2": ('<order id="3"><total>4</total></order>', "p3"),
            "p3": ("", ""),
        }
        rows, following = pages[self.headers.get("X-Cursor", "")]
        more = {"X-Next-Cursor": following} if following else {}
        return 200, f'<?xml version="1.0"?><orders>{rows}</orders>', {"Content-Type": "application/xml", **more}

    def _graphql(self, path: str, query: dict[str, str], body: bytes) -> Answer:
        assert self.headers["Authorization"] == f"Bearer {KEY}"
        asked = json.loads(body)["variables"]
        if asked["org"] == "nobody":
            error = {"message": "Could not resolve to an Organization", "type": "NOT_FOUND"}
            return 200, json.dumps({"data": None, "errors": [error]}), {}
        start = int(asked.get("after") or 0)
        end = min(start + asked.get("n", 3), 5)
        page = {"hasNextPage": end < 5, "endCursor": str(end) if end < 5 else None}
        nodes = {"nodes": [{"name": f"r{index}"} for index in range(start, end)], "pageInfo": page}
        return 200, json.dumps({"data": {"organization": {"repositories": nodes}}}), {}

    def _reports(self, path: str, query: dict[str, str], body: bytes) -> Answer:
        assert self.headers["X-Api-Key"] == KEY
        if path == "/reports":
            return 201, "", {"Location": f"/reports/{json.loads(body)['month']}"}
        month = path.rpartition("/")[2]
        self.looks[month] = self.looks.get(month, 0) + 1
        if month == "lost":
            return 200, json.dumps({"status": "failed", "message": "no such month"}), {}
        done = self.looks[month] > 2
        return 200, json.dumps({"status": "done", "download_url": "/r.pdf"} if done else {"status": "running"}), {}

    def _repos(self, path: str, query: dict[str, str], body: bytes) -> Answer:
        if path.endswith("/busy"):
            limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
            return 403, json.dumps({"message": "API rate limit exceeded"}), limits
        if path.endswith("/secret"):
            return 403, json.dumps({"message": "Must have admin rights"}), {"X-RateLimit-Remaining": "57"}
        return 200, json.dumps({"stargazers_count": 7}), {}

    def _quota(self, path: str, query: dict[str, str], body: bytes) -> Answer:
        return 403, json.dumps({"errorCode": "QUOTA", "reason": "daily quota is used up", "wait": 30}), {}

    def _models(self, path: str, query: dict[str, str], body: bytes) -> Answer:
        lines = [{"id": "a", "size": 1, "x": None}, {"id": "b", "size": 2}]
        return 200, "".join(json.dumps(line) + "\n" for line in lines), {"Content-Type": "application/x-ndjson"}

    def _tell(self, path: str, query: dict[str, str], body: bytes) -> Answer:
        if not json.loads(body)["stream"]:
            return 200, json.dumps({"response": "once upon a time", "done": True}), {}
        events = [
            {"response": "once "},
            {"response": "upon "},
            {"response": "a time"},
            {"response": "", "done": True},
        ]
        return 200, "".join(json.dumps(e) + "\n" for e in events), {"Content-Type": "application/x-ndjson"}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has above
        pass


@contextmanager
def services() -> Iterator[tuple[str, type[Services]]]:
    kind = type("Own", (Services,), {"keys_seen": [], "looks": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", kind
        finally:
            server.shutdown()
            thread.join()


class Shop:
    def __init__(self, url: str, client: httpx.Client, seen: type[Services]) -> None:
        self._url, self._client, self.seen = url, client, seen

    def call(self, path: str, **params: Any) -> httpx.Response:
        headers = {"X-Agent": "t", "Idempotency-Key": params.pop("idempotency_key", "")}
        return self._client.post(
            f"{self._url}/api/skills/{path}", json=params, headers={k: v for k, v in headers.items() if v}
        )

    def reply(self, path: str, **params: Any) -> Any:
        response = self.call(path, **params)
        assert response.status_code == 200, response.text
        return response.json()

    def error(self, path: str, **params: Any) -> tuple[int, str, str]:
        response = self.call(path, **params)
        body = response.json()
        return response.status_code, body["code"], body["error"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("docs")
    console = Console(folder / "home", folder / "skills")
    with services() as (origin, seen):
        for name, text in SKILLS.items():
            console.write(f"{name}/readme.md", text.replace("ORIGIN", origin))
        checked = console.run("check", str(folder / "skills"), "--strict")
        assert checked.code == 0, checked.out
        for name, text in SKILLS.items():
            if "auth: none" not in text:
                assert console.run("keys", "set", name, stdin=KEY).code == 0
            else:
                assert console.run("approve", name, "--yes").code == 0
        with console.serving() as url, httpx.Client(trust_env=False, timeout=PATIENCE) as client:
            yield Shop(url, client, seen)


def test_forms_with_brackets_lists_by_the_last_id_and_a_key_without_a_password(shop: Shop) -> None:
    made = shop.reply("money/create_customer", email="a@b.example", metadata={"plan": "x y"}, idempotency_key="k1")
    assert made == {"id": "cus_1", "email": "a@b.example"}
    assert shop.seen.keys_seen == ["k1"]
    items = [{"price": "p1", "quantity": 2}, {"price": "p2"}]
    assert shop.reply("money/subscribe", customer="cus_1", items=items) == [
        ["customer", "cus_1"],
        ["items[0][price]", "p1"],
        ["items[0][quantity]", "2"],
        ["items[1][price]", "p2"],
    ]
    assert [each["id"] for each in shop.reply("money/charges", all=True)] == [f"ch_{i}" for i in range(5)]
    assert len(shop.reply("money/charges", limit=3)) == 3
    assert len(shop.reply("money/charges", since=1, all=True)) == 1
    status, code, said = shop.error("money/create_customer", email="declined@b.example")
    assert (status, code, "Your card was declined" in said) == (402, "upstream_payment_required", True), code


def test_tables_in_csv_and_xml_whose_cursor_stands_in_a_header(shop: Shop) -> None:
    assert shop.reply("tables/sales", all=True) == [
        {"day": "2026-01-01", "amount": 10},
        {"day": "2026-01-02", "amount": 12.5},
        {"day": "2026-01-03", "amount": 7},
    ]
    assert [each["id"] for each in shop.reply("tables/orders", all=True)] == ["1", "2", "3"], "one is a list too"


def test_a_graphql_list_goes_on_by_its_cursor_and_its_errors_are_errors(shop: Shop) -> None:
    assert [each["name"] for each in shop.reply("graph/repos", org="o", all=True)] == [f"r{i}" for i in range(5)]
    status, _, said = shop.error("graph/repos", org="nobody")
    assert (status, "Could not resolve" in said) == (502, True)


def test_a_job_that_answers_201_with_its_place_is_followed(shop: Shop) -> None:
    assert shop.reply("jobs/report", month="may") == {"url": "/r.pdf"}
    _, _, said = shop.error("jobs/report", month="lost")
    assert "no such month" in said


def test_a_limit_told_as_403_is_a_limit_and_a_refusal_is_a_refusal(shop: Shop) -> None:
    assert shop.reply("limited/stars", name="fine") == {"stars": 7}
    assert shop.error("limited/stars", name="busy")[:2] == (429, "upstream_rate_limited")
    assert shop.error("limited/stars", name="secret")[1] != "upstream_rate_limited"
    status, code, said = shop.error("limited/quota")
    assert (status, code, "daily quota" in said) == (429, "upstream_rate_limited", True)
    assert shop.call("limited/quota").headers["Retry-After"] == "30"


def test_lines_of_json_whole_and_as_a_stream(shop: Shop) -> None:
    assert shop.reply("lines/models") == [{"id": "a", "size": 1}, {"id": "b", "size": 2}]
    assert shop.reply("lines/tell", topic="x") == {"text": "once upon a time"}
    streamed = shop.call("lines/tell", topic="x", stream=True).text
    done = streamed.rpartition("event: done\ndata: ")[2].split("\n")[0]
    assert (json.loads(done), streamed.count("event: delta")) == ({"text": "once upon a time"}, 3)
