"""`auth.probe`: the utility that shows whether a credential works."""

from collections.abc import Iterator, Mapping

from agentos_runtime.manifest.model import Utility
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.sections.urls import did_you_mean
from agentos_runtime.manifest.yaml.values import Cursor


def check_probes(
    root: Cursor, declared: Mapping[str, Cursor], utilities: Mapping[str, Utility], report: Report
) -> None:
    """Report every probe that could not be called by itself, or would show nothing of its credential."""
    for credential, probe in _probes(root):
        name = probe.json
        if not isinstance(name, str) or report.has_error_under(probe.path):
            continue
        if name not in declared:
            fix = did_you_mean(name, declared) or "Name a utility that reads and needs no params"
            report.error(probe.place, f"there is no utility `{name}`", fix, probe.length)
        elif name in utilities:
            _check(probe, credential, utilities[name], report)


def _check(probe: Cursor, credential: str, utility: Utility, report: Report) -> None:
    required = utility.params.get("required")
    if isinstance(required, list) and required:
        names = ", ".join(f"`{name}`" for name in required)
        message = f"`{utility.name}` needs {names}, and a probe is called without params"
        report.error(probe.place, message, "Name a utility that needs none", probe.length)
    elif utility.effect != "read":
        message = f"`{utility.name}` does not only read, and a probe is called without asking"
        fix = "Name a utility that reads, or write `effect: read` there if it changes and costs nothing"
        report.error(probe.place, message, fix, probe.length)
    elif utility.credential != credential:
        carried = f"the credential `{utility.credential}`" if utility.credential else "no credential"
        message = f"`{utility.name}` carries {carried}, so it shows nothing of `{credential}`"
        report.error(probe.place, message, "Name a utility that carries this one", probe.length)


def _probes(root: Cursor) -> Iterator[tuple[str, Cursor]]:
    auth = root.get("auth")
    if auth is None:
        return
    named = auth.get("credentials")
    for credential, below in named.items() if named is not None else (("default", auth),):
        if (probe := below.get("probe")) is not None:
            yield credential, probe
