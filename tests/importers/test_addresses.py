"""Documents that lie at an address, fetched from a server of this test."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.importers.workshop import Workshop, body, service
from tests.reading import as_yaml


@contextmanager
def serving(files: Mapping[str, str]) -> Iterator[str]:
    """A server of these texts by path; `-> /path` redirects. Gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = files.get(self.path)
            moved = text is not None and text.startswith("-> ")
            self.send_response(404 if text is None else 302 if moved else 200)
            if moved and text:
                self.send_header("Location", text[3:])
            data = (text or "").encode()
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_document_at_an_address_brings_its_server_and_its_other_files(workshop: Workshop) -> None:
    document = service(
        {"/a": {"post": {"requestBody": body({"$ref": "parts.yaml#/A"})}}}, servers=[{"url": "/api"}]
    )
    files = {
        "/docs/service.yaml": as_yaml(document),
        "/docs/parts.yaml": "A: {properties: {x: {type: string}}}",
    }
    with serving(files) as address:
        done = workshop.run("openapi", f"{address}/docs/service.yaml")
        assert done.code == 0, done.err
    front = workshop.front()
    assert front["api"]["base_url"] == f"{address}/api"
    assert front["sources"]["openapi"]["from"] == f"{address}/docs/service.yaml"
    assert front["utilities"]["create_a"]["params"] == {"x": {"type": "string"}}


def test_a_reference_to_another_server_is_not_followed(workshop: Workshop) -> None:
    with serving({"/parts.yaml": "A: {properties: {secret: {}}}"}) as other:
        document = service({"/a": {"post": {"requestBody": body({"$ref": f"{other}/parts.yaml#/A"})}}})
        with serving({"/service.yaml": as_yaml(document)}) as address:
            done = workshop.run("openapi", f"{address}/service.yaml")
    assert done.code == 0
    assert "is not fetched: it lies elsewhere" in done.out
    assert "secret" not in workshop.text().split("## Not expressed")[0]


def test_a_person_is_asked_before_what_a_document_refers_to_is_fetched(workshop: Workshop) -> None:
    files = {"/parts.yaml": "A: {properties: {secret: {}}}"}
    document = service({"/a": {"post": {"requestBody": body({"$ref": "parts.yaml#/A"})}}})
    with serving(files | {"/service.yaml": as_yaml(document)}) as address:
        given = ("import", "openapi", f"{address}/service.yaml", "--id", "service")
        done = workshop.console.asked({"what else it names there? [y/N]: ": "n"}, *given)
    assert (done.code, "is not fetched: you said no" in " ".join(done.out.split())) == (0, True), done.out
    assert "secret" not in workshop.text().split("## Not expressed")[0]


def test_an_address_that_leads_on_is_said_not_followed(workshop: Workshop) -> None:
    with serving({"/old": "-> /new", "/new": as_yaml(service({}))}) as address:
        moved, missing = (workshop.run("openapi", f"{address}/{name}") for name in ("old", "none"))
    assert (moved.code, "The address leads on to /new" in moved.err) == (1, True)
    assert (missing.code, "127.0.0.1 answered 404" in missing.err) == (1, True)
    gone = workshop.run("openapi", f"{address}/new")
    assert (gone.code, "cannot be fetched" in gone.err) == (1, True)


REGIONS = {
    "url": "https://{region}.example.com/{base}",
    "variables": {"region": {"default": "eu", "enum": ["eu", "us"]}, "base": {"default": "v2"}},
}


def test_what_stands_in_the_address_is_chosen_and_remembered(workshop: Workshop) -> None:
    document = service({"/a": {"get": {}}}, servers=[REGIONS])
    assert workshop.imported(document)["api"]["base_url"] == "https://eu.example.com/v2"
    front = workshop.imported(document, "--server", "region=us", "--server", "base=v3")
    assert front["api"]["base_url"] == "https://us.example.com/v3"
    assert workshop.imported(document)["api"]["base_url"] == "https://us.example.com/v3"
    front = workshop.imported(document, "--base-url", "https://own.example.com")
    assert front["api"]["base_url"] == "https://own.example.com"
    assert workshop.imported(document)["api"]["base_url"] == "https://own.example.com"


@pytest.mark.parametrize(
    ("servers", "arguments", "said"),
    [
        ([{"url": "https://{site}.example.com"}], (), "--server site=VALUE"),
        ([REGIONS], ("--server", "region=mars"), "one of eu, us, not mars"),
        ([REGIONS], ("--server", "regoin=us"), "No server has a variable `regoin`. Variables: base, region"),
        ([REGIONS], ("--server", "base=a@b"), "write NAME=VALUE"),
    ],
)
def test_an_address_with_a_blank_asks_for_what_belongs_there(
    workshop: Workshop, servers: Any, arguments: tuple[str, ...], said: str
) -> None:
    document = service({"/a": {"get": {}}}, servers=servers)
    done = workshop.run("openapi", workshop.document(document), *arguments)
    assert done.code == 1
    assert said in " ".join(done.err.split())
    assert not workshop.file().exists()


def test_an_address_that_only_shows_how_one_looks_is_told(workshop: Workshop) -> None:
    server = {"url": "https://{domain}.example.com", "variables": {"domain": {"default": "your-domain"}}}
    losses = workshop.losses(service({"/a": {"get": {}}}, servers=[server]))
    told = "the server's variable `domain` is your-domain, which stands for your own (--server domain=VALUE)"
    assert losses[told] == ["servers"]
