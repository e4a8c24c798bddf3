"""Credentials that a container's secrets bring, as files of a mounted folder."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.house import house
from tests.toy.raw import Toy, answer

ORIGIN = "https://till.example"
KEY = "till-key-0123456789"
SKILL = f"""---
id: till
name: Till
description: A till
auth: {{type: api_key, header: X-Key}}
utilities:
  look:
    description: Looks
    returns: any
    rest: {{method: GET, url: "{ORIGIN}/look"}}
---
"""
PAIR = SKILL.replace("type: api_key, header: X-Key", "type: basic")


def mounted(folder: Path, **files: str) -> Path:
    """As Kubernetes mounts a secret: each file a link through `..data`, which is swapped whole."""
    version = folder / f"..{len(list(folder.glob('..2*'))) + 2000}" if folder.exists() else folder / "..2000"
    version.mkdir(parents=True)
    for name, text in files.items():
        (version / name).write_text(text)
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(Path("..data") / name)
    fresh = folder / "..data_tmp"
    fresh.symlink_to(version.name)
    fresh.rename(folder / "..data")
    return folder


def write(folder: Path, text: str = SKILL) -> None:
    (folder / "skills").mkdir()
    (folder / "skills" / "till.md").write_text(text)


def test_a_mounted_key_goes_along_and_a_swapped_one_with_the_next_call(tmp_path: Path) -> None:
    write(tmp_path)
    keys = mounted(tmp_path / "keys", till__default__key=f"{KEY}\n")
    with (
        Toy(answer(body=b"{}")) as toy,
        house(tmp_path, rewrite={ORIGIN: toy.origin}, environ={}, credentials_dir=keys) as served,
    ):
        assert served.call("till", "look", {}).status_code == 200
        mounted(keys, till__default__key="another-key-of-the-till")
        assert served.call("till", "look", {}).status_code == 200
        assert [request.header("x-key") for request in toy.requests] == [KEY, "another-key-of-the-till"]


def test_the_environment_goes_first_and_all_fields_come_from_one_place(tmp_path: Path) -> None:
    write(tmp_path, PAIR)
    keys = mounted(tmp_path / "keys", till__default__username="ann")
    with (
        Toy(answer(body=b"{}")) as toy,
        house(tmp_path, rewrite={ORIGIN: toy.origin}, environ={}, credentials_dir=keys) as served,
    ):
        assert served.call("till", "look", {}).json()["code"] == "credential_not_found"
        mounted(keys, till__default__username="ann", till__default__password="open")
        assert served.call("till", "look", {}).status_code == 200
        assert toy.requests[-1].header("authorization") == "Basic YW5uOm9wZW4="
    variables = {"TILL_USERNAME": "bob", "TILL_PASSWORD": "shut"}
    with (
        Toy(answer(body=b"{}")) as toy,
        house(tmp_path, rewrite={ORIGIN: toy.origin}, environ=variables, credentials_dir=keys) as served,
    ):
        assert served.call("till", "look", {}).status_code == 200
        assert toy.requests[-1].header("authorization") == "Basic Ym9iOnNodXQ="


def test_a_strangers_skill_gets_no_mounted_key_before_it_is_approved(tmp_path: Path) -> None:
    write(tmp_path)
    keys = mounted(tmp_path / "keys", till__default__key=KEY)
    with house(tmp_path, environ={}, credentials_dir=keys) as served:
        assert served.call("till", "look", {}).json()["code"] == "approval_required"


def leads_out(file: Path) -> None:
    outside = file.parent.parent / "outside"
    outside.write_text(KEY)
    file.symlink_to(outside)


def is_huge(file: Path) -> None:
    file.write_text(KEY * 10_000)


def is_no_text(file: Path) -> None:
    file.write_bytes(KEY.encode() + b"\xff")


def has_lines(file: Path) -> None:
    file.write_text(f"{KEY}\n\nmore\n")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (leads_out, "is a link that leads out of"),
        (is_huge, "is larger than 64 KB"),
        (is_no_text, "is no text in UTF-8"),
        (has_lines, "holds a line break"),
        (Path.mkdir, "cannot be read: Is a directory"),
        (os.mkfifo, "is no plain file"),
        (lambda file: file.symlink_to("nowhere"), "cannot be read: No such file"),
    ],
)
def test_a_file_that_cannot_be_a_key_is_a_sentence_and_not_quoted(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    write(tmp_path)
    (tmp_path / "keys").mkdir()
    make(tmp_path / "keys" / "till__default__key")
    with house(
        tmp_path, rewrite={ORIGIN: "http://127.0.0.1:9"}, environ={}, credentials_dir=tmp_path / "keys"
    ) as it:
        answered = it.call("till", "look", {})
    assert answered.json()["code"] == "credential_not_found"
    assert said in answered.json()["error"]
    assert KEY not in answered.text
