"""The environment variables that hold a skill's credentials."""

from collections.abc import Sequence


def variables(skill_id: str, credential: str, fields: Sequence[str]) -> dict[str, str]:
    """The environment variable of each field of a credential.

    `LOGO_DEV_API_KEY` for the only field of the default credential of `logo-dev`, `TWILIO_USERNAME` and
    `TWILIO_PASSWORD` for several fields, `OPENROUTER_MANAGEMENT_KEY` for a credential with a name of its own
    (`<ID>_<CREDENTIAL>_<FIELD>` when that one has several fields).
    """
    prefix = _upper(skill_id) if credential == "default" else f"{_upper(skill_id)}_{_upper(credential)}"
    if len(fields) == 1:
        return {fields[0]: f"{prefix}_API_KEY" if credential == "default" else f"{prefix}_KEY"}
    return {field: f"{prefix}_{_upper(field)}" for field in fields}


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")
