"""`[metrics]` of config.toml."""

from dataclasses import dataclass

from agentos_runtime.config.tables import flag, read_table


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Who may read the figures."""

    open: bool = False
    """Programs of this machine read them without a token, those of bound agents too."""


def read_metrics(raw: object, file: object) -> MetricsSettings:
    """The table `metrics`; `file` is named in errors. Raises SettingsError."""
    return MetricsSettings(**read_table(raw, f"{file}: metrics", {"open": flag}))
