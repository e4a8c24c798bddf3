"""multipart/form-data as a second reader sees it: Python's own."""

from email import message_from_bytes
from email.policy import HTTP
from typing import NamedTuple


class Part(NamedTuple):
    """One field, or one file when it has a filename."""

    name: str
    filename: str | None
    data: bytes


def parts_of(content_type: str, body: bytes) -> list[Part]:
    whole = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=HTTP)
    found = []
    for part in whole.iter_parts():
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        name = part.get_param("name", header="content-disposition")
        found.append(Part(str(name), part.get_filename(), data))
    return found
