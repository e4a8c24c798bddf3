"""Services in different styles, one of them as a LAP file: small, written for these tests."""

from pathlib import Path

KENNEL, COMBINED, FORMS, LIGHTS, KENNEL_LAP = (
    (Path(__file__).parent / name).read_text(encoding="utf-8")
    for name in ("kennel.yaml", "combined.yaml", "forms.yaml", "lights.yaml", "kennel.lap")
)
