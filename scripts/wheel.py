"""Build the wheel twice: the same bytes both times, with skills and schemas, and nothing that runs by itself."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
NEEDED = (
    "agentos_runtime/py.typed",
    "agentos_runtime/security/bundled.json",
    "agentos_runtime/bundled/skills/",
    "agentos_runtime/bundled/schemas/",
)


def main() -> None:
    first, second = build("wheel"), build("wheel-again")
    if digest(first) != digest(second):
        sys.exit(f"{first.name} is not reproducible: two builds differ")
    names = zipfile.ZipFile(first).namelist()
    problems = [f"{name} would run by itself at every start of Python" for name in names if name.endswith(".pth")]
    problems += [f"{need} is missing" for need in NEEDED if not any(name.startswith(need) for name in names)]
    if problems:
        sys.exit(f"{first.name}: " + "; ".join(problems))
    print(f"{first.name}: reproducible, {len(names)} files, sha256 {digest(first)}")  # noqa: T201


def build(folder: str) -> Path:
    target = ROOT / "build" / folder
    for old in target.glob("*.whl"):
        old.unlink()
    environ = os.environ | {"SOURCE_DATE_EPOCH": "1767225600"}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return next(target.glob("*.whl"))


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
