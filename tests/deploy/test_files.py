"""The files in `deploy/` name what there is."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.version import __version__
from tests.deploy.test_balancers import installed
from tests.metrics.test_figures import FAMILIES, OVER_A_DATABASE
from tests.reading import read_all_yaml, read_yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = sorted(file for file in (DEPLOY / "kubernetes").rglob("*.yaml") if file.name != "kustomization.yaml")


def expressions(text: str) -> set[str]:
    found = re.findall(r"\b(?:agentos|process)_[a-z_]+", text)
    return {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in found}


@pytest.mark.parametrize("name", ["alerts.yaml", "dashboard.json"])
def test_rules_and_panels_ask_for_figures_that_there_are(name: str) -> None:
    text = (DEPLOY / name).read_text()
    if name == "dashboard.json":
        asked = " ".join(target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"])
    else:
        asked = " ".join(rule["expr"] for group in read_yaml(text)["groups"] for rule in group["rules"])
    assert expressions(asked) <= FAMILIES | OVER_A_DATABASE
    assert expressions(asked)


def test_every_alert_is_explained() -> None:
    groups = read_yaml((DEPLOY / "alerts.yaml").read_text())["groups"]
    page = (ROOT / "docs" / "deploying.md").read_text()
    assert [rule["alert"] for group in groups for rule in group["rules"] if f"`{rule['alert']}`" not in page] == []


def test_every_setting_that_a_file_names_is_one() -> None:
    known = set(re.findall(r"`(AGENTOS_[A-Z_]+)`", (ROOT / "docs" / "http-api.md").read_text()))
    for file in DEPLOY.rglob("*"):
        if file.is_file():
            assert set(re.findall(r"AGENTOS_[A-Z_]+", file.read_text())) <= known, file


def test_every_file_that_kustomize_is_to_read_is_there() -> None:
    for file in (DEPLOY / "kubernetes").rglob("kustomization.yaml"):
        for name in read_yaml(file.read_text())["resources"]:
            assert (file.parent / name).exists(), (file, name)


@pytest.mark.parametrize(("folder", "kinds"), [("one", {"StatefulSet"}), ("replicas", {"Deployment", "Job"})])
def test_kustomize_puts_the_files_together(folder: str, kinds: set[str]) -> None:
    done = subprocess.run(
        [installed("kubectl"), "kustomize", str(DEPLOY / "kubernetes" / folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert {each["kind"] for each in read_all_yaml(done.stdout)} >= {*kinds, "Service", "NetworkPolicy"}


def test_compose_understands_its_file() -> None:
    given = {"PATH": os.environ["PATH"], "AGENTOS_TOKEN": "made-up", "OPENROUTER_KEY_FILE": "/nonexistent"}
    command = [installed("docker-compose"), "--file", str(DEPLOY / "compose.yaml"), "config"]
    done = subprocess.run(command, env=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {*read_yaml(done.stdout)["services"]} == {"agentos-1", "agentos-2", "balancer"}


@pytest.mark.parametrize("file", KUBERNETES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_pods_run_this_version_without_rights_and_read_secrets_from_folders(file: Path) -> None:
    document: Any = read_yaml(file.read_text())
    template = document.get("spec", {}).get("template")
    if template is None:
        return
    pod = template["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["image"].endswith(f":{__version__}")
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert [mount for mount in container["volumeMounts"] if "subPath" in mount] == []


def test_the_image_installs_what_is_locked() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert "--require-hashes --requirement requirements-postgres.lock" in text
    for copied in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE):
        for name in copied.split():
            assert (ROOT / name).exists(), name
