"""https: certificates are checked, and a failed check says what to do."""

import ssl
import subprocess
from pathlib import Path

import pytest

from agentos_runtime.errors import UpstreamUnreachable
from tests.http_client.conftest import Run
from tests.http_client.support import happens, post, send, upstream
from tests.toy.raw import Toy, answer, render_chunks, stall


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of its own for 127.0.0.1, key and all in one file."""
    file = tmp_path_factory.mktemp("tls") / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=toy"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_trusted_certificate_is_accepted_and_its_connection_kept(run: Run, certificate: Path) -> None:
    async def two_calls() -> None:
        async with upstream(tls=ssl.create_default_context(cafile=f"{certificate}.crt")) as out:
            for _ in range(3):
                assert (await out.send(post(toy.url()), timeout=10, allow_private=True)).body == b"secure"

    with Toy(answer(body=b"secure"), tls=server_side(certificate)) as toy:
        run(two_calls())
        assert len(toy.connections) <= 2


def test_an_unknown_certificate_is_refused_with_advice(run: Run, certificate: Path) -> None:
    with Toy(answer(), tls=server_side(certificate)) as toy:
        with pytest.raises(UpstreamUnreachable, match=r"certificate is refused \(.*\).*SSL_CERT_FILE"):
            run(send(post(toy.url())))
        assert toy.requests == []


def test_a_handshake_that_fails_says_so(run: Run, certificate: Path) -> None:
    modern, old = server_side(certificate), ssl.create_default_context(cafile=f"{certificate}.crt")
    modern.minimum_version = ssl.TLSVersion.TLSv1_3
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with Toy(answer(), tls=modern) as toy, pytest.raises(UpstreamUnreachable, match="TLS handshake failed"):
        run(send(post(toy.url()), tls=old))


def test_leaving_an_https_stream_is_seen_at_once(run: Run, certificate: Path) -> None:
    async def leave() -> None:
        async with upstream(tls=ssl.create_default_context(cafile=f"{certificate}.crt")) as out:
            stream = await out.open(post(toy.url()), timeout=10, idle_timeout=60, allow_private=True)
            await anext(stream.chunks())
            await stream.close()
            assert await happens(toy.connections[0].gone)

    with Toy(stall(render_chunks([b"one"], end=False)), tls=server_side(certificate)) as toy:
        run(leave())
