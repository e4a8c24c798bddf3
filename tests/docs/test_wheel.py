"""The wheel, installed into an environment of its own far from the checkout, is the whole program."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

SKILL = """\
---
id: notes
name: Notes
description: Notes
utilities:
  read:
    description: Read a note
    params: {id: {type: string, required: true}}
    rest: {url: "https://notes.example/{id}"}
---
"""
PATIENCE = 280


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=PATIENCE)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh environment. What the project depends on is lent by the environment of these tests."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "env", symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "env" / "bin" / "python")]
    command = [*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "env"), "platbase": str(folder / "env")}))
    (own / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return folder


def agentos(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(installed), "LANG": "C.UTF-8", "AGENTOS_PORT": "1"}
    return subprocess.run(
        [str(installed / "env" / "bin" / "agentos"), *arguments],
        cwd=installed,
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.slow
def test_an_installed_wheel_has_the_skills_and_runs_the_tour(installed: Path) -> None:
    python = [
        str(installed / "env" / "bin" / "python"),
        "-c",
        "import agentos_runtime; print(agentos_runtime.__file__)",
    ]
    found = subprocess.run(python, cwd=installed, capture_output=True, text=True, timeout=PATIENCE).stdout
    assert Path(found.strip()).is_relative_to(installed)
    listed = agentos(installed, "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert {skill["id"] for skill in json.loads(listed.stdout)["skills"]} == {
        folder.name for folder in (ROOT / "skills").iterdir()
    }
    tour = agentos(installed, "demo")
    assert (tour.returncode, tour.stderr) == (0, "")
    assert "\nNext\n" in tour.stdout


@pytest.mark.slow
def test_an_installed_wheel_checks_a_skill_with_its_own_schemas(installed: Path) -> None:
    file = installed / "notes" / "readme.md"
    file.parent.mkdir()
    file.write_text(SKILL, encoding="utf-8")
    good = agentos(installed, "check", str(file.parent))
    assert (good.returncode, good.stdout) == (0, "0 errors, 0 warnings in 1 file\n")
    file.write_text(SKILL.replace("rest: {url", "rest: {adress: x, url"), encoding="utf-8")
    bad = agentos(installed, "check", str(file.parent))
    assert bad.returncode == 1
    assert "adress" in bad.stdout


def test_the_wheel_holds_skills_schemas_and_licence_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shipped = [file for folder in ("skills", "schemas") for file in (ROOT / folder).rglob("*") if file.is_file()]
    expected = {f"agentos_runtime/bundled/{file.relative_to(ROOT).as_posix()}" for file in shipped}
    assert expected - set(names) == set()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    tops = {name.split("/")[0].partition("-")[0] for name in names}
    assert tops == {"agentos_runtime"}
