"""Skills, and the archives, folders and repositories that they come in."""

import io
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

KENNEL = """\
---
id: kennel
name: Kennel
description: Dogs
auth: {type: api_key, header: X-Key, label: Key}
utilities:
  list_dogs:
    description: All dogs
    rest: {url: "https://kennel.example/dogs"}
---
# Kennel
"""
MOVED = KENNEL.replace("https://kennel.example/dogs", "https://elsewhere.example/dogs")
CATS = KENNEL.replace("kennel", "cattery").replace("Kennel", "Cattery")
CASE = """\
description: All dogs
utility: list_dogs
request: {method: GET, url: "https://kennel.example/dogs"}
response: {body: [rex]}
reply: [rex]
"""
Files = Mapping[str, str]


def tar(files: Files, *more: tarfile.TarInfo, kind: str = "w:gz") -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=kind) as archive:  # type: ignore[call-overload]
        for name, text in files.items():
            archive.addfile(entry(name, len(text.encode())), io.BytesIO(text.encode()))
        for each in more:
            archive.addfile(each, io.BytesIO(bytes(each.size)))
    return held.getvalue()


def entry(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, target
    return info


def zipped(files: Files, modes: Mapping[str, int] | None = None) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = (modes or {}).get(name, 0o100644) << 16
            archive.writestr(info, text)
    return held.getvalue()


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder: files with their bytes, folders, links."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def write(folder: Path, files: Files) -> Path:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def git(folder: Path, *words: str) -> str:
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words], cwd=folder, env=environ, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def commit(folder: Path, files: Files) -> str:
    """Write the files and commit all; the commit's id."""
    write(folder, files)
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")
    return git(folder, "rev-parse", "HEAD")
