"""Documents in the styles of real services: a mock of independent make accepts the calls of what they become."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from agentos_runtime import Call, Settings, open_runtime_sync
from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.errors import InvalidParams
from agentos_runtime.runtime import Runtime
from tests.importers.calling import params_of
from tests.importers.workshop import Workshop
from tests.reading import read_yaml

NODE = Path(os.environ.get("PRISM", Path(__file__).parents[2] / "build" / "prism" / "node_modules"))
PRISM = NODE / "@stoplight" / "prism-cli" / "dist" / "index.js"
VENDORS = sorted((Path(__file__).parent / "vendors").iterdir())
PATIENCE = 240

needs_prism = pytest.mark.skipif(not PRISM.exists(), reason="scripts/install prism has not been run")


@contextmanager
def mocked(document: Path) -> Iterator[str]:
    """The mock of a document. Gives its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = ["node", str(PRISM), "mock", str(document), "--port", str(port), "--errors"]
    path = f"{NODE / '.bin'}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PATH": path}
    )
    assert process.stdout is not None
    reader = Thread(target=process.stdout.read)  # a mock that nobody listens to stands still
    try:
        for line in process.stdout:
            if "is listening" in line:
                break
        reader.start()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(PATIENCE)
        if reader.ident is not None:
            reader.join(PATIENCE)
        process.stdout.close()


def bases(document: Any) -> list[str]:
    """The addresses of a document's servers, the longest first: the mock stands in their place."""
    if "swagger" in document:
        return [f"https://{document['host']}{document.get('basePath', '')}".rstrip("/")]
    nodes = [document, *document["paths"].values()]
    nodes += [below for item in document["paths"].values() for below in item.values() if isinstance(below, dict)]
    found = {_filled_in(server).rstrip("/") for node in nodes for server in node.get("servers", [])}
    return sorted(found, key=len, reverse=True)


def _filled_in(server: Any) -> str:
    """A server's address with the default of each variable."""
    url = str(server["url"])
    for name, variable in server.get("variables", {}).items():
        url = url.replace(f"{{{name}}}", str(variable["default"]))
    return url


def refusals(workshop: Workshop, file: Path, *, full: bool) -> tuple[int, list[str]]:
    """How many calls were made, and what the mock said against some of them."""
    text = file.read_text(encoding="utf-8")
    document = json.loads(text) if file.suffix == ".json" else read_yaml(text)
    done = workshop.run("openapi", file, "--deprecated")
    assert done.code == 0, done.err
    workshop.check()
    here = Settings(home=workshop.folder / "home", skills=(workshop.folder / "skills",), only_skills=True)
    refused: list[str] = []
    with open_runtime_sync(here, environ={}) as runtime, mocked(file) as mock, httpx.Client() as client:
        entry = runtime.run(lambda it: it.catalog("tests").detail("service"))
        for name, utility in entry["utilities"].items():
            params = params_of(utility["params"], full=full)
            call = Call("service", name, params, agent="tests")
            try:
                request = runtime.run(partial(_preview, call)).request
            except InvalidParams:  # a form cannot say that a map is empty
                call = Call("service", name, _filled(params), agent="tests")
                request = runtime.run(partial(_preview, call)).request
            answered = _sent(client, request, mock, bases(document))
            if answered.status_code in (401, 404, 405, 413, 415, 422) and not _is_beyond_the_mock(
                request, answered
            ):
                refused.append(f"{name} {json.dumps(params)}: {answered.status_code} {answered.text[:600]}")
        return len(entry["utilities"]), refused


def _filled(value: Any) -> Any:
    """The value with something in each map."""
    if isinstance(value, dict):
        return {name: _filled(below) for name, below in value.items()} or {"a": "b"}
    return [_filled(below) for below in value] if isinstance(value, list) else value


def _preview(call: Call, runtime: Runtime) -> Any:
    return runtime.preview(call)


def _sent(client: httpx.Client, request: UpstreamRequest, mock: str, places: list[str]) -> httpx.Response:
    place = next(each for each in places if request.url.startswith(each))
    headers = {"Authorization": "Basic YTpi"}  # of a key that is optional and not there
    headers |= {name: value for name, value in request.headers if name.lower() != "host"}
    url = mock + request.url.removeprefix(place)
    return client.request(request.method, url, headers=headers, content=request.body, timeout=PATIENCE)


def _is_beyond_the_mock(request: UpstreamRequest, answered: httpx.Response) -> bool:
    """What it cannot read: lists and JSON among the parts of a multipart body, lists of maps in a form."""
    kind = next((value for name, value in request.headers if name.lower() == "content-type"), "")
    words = ("must be array", "must be object", "must have required property", "JSON object array in form")
    return not kind.startswith("application/json") and any(word in answered.text for word in words)


@needs_prism
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("full", "most"), [(False, 0.02), (True, 0.05)], ids=["minimal", "full"])
def test_a_mock_of_independent_make_accepts_the_calls(tmp_path: Path, full: bool, most: float) -> None:
    made, refused, lines = 0, list[str](), list[str]()
    for file in VENDORS if os.environ.get("AGENTOS_TEST_VENDORS") == "all" else VENDORS[:1]:
        (tmp_path / file.stem).mkdir()
        count, against = refusals(Workshop.at(tmp_path / file.stem), file, full=full)
        made, refused = made + count, refused + [f"{file.stem} {each}" for each in against]
        lines.append(f"{file.stem}: {count - len(against)} of {count} calls accepted")
    lines.append(f"{'full' if full else 'minimal'}: {made - len(refused)} of {made}, {1 - len(refused) / made:.1%}")
    print("\n".join([*lines, *refused]))  # noqa: T201 - the figures of `scripts/prove prism`
    assert len(refused) <= most * made, (made, refused)


@pytest.mark.parametrize("file", VENDORS, ids=lambda file: file.stem)
def test_each_operation_of_a_document_is_imported_or_listed(workshop: Workshop, file: Path) -> None:
    done = workshop.run("openapi", file, "--json")
    assert done.code == 0, done.err
    workshop.check()
    text = file.read_text(encoding="utf-8")
    document = json.loads(text) if file.suffix == ".json" else read_yaml(text)
    methods = ("get", "put", "post", "patch", "delete", "head", "options")
    described = {(method, path) for path, item in document["paths"].items() for method in methods if method in item}
    told = {(each["what"], where) for each in done.json["not_expressed"] for where in each["where"]}
    left = [
        (method, path)
        for method, path in described
        if (("OPTIONS is no method of a manifest", path) in told and method == "options")
        or ("deprecated operations are left out (--deprecated takes them)", f"{method.upper()} {path}") in told
    ]
    assert len(workshop.front()["utilities"]) == len(described) - len(left)
