"""Lists every field of a config with its value and its meaning."""

import inspect
import re
import textwrap

import ml_collections

from jaxpose.fields import FIELDS
from jaxpose.models import MODELS, config_fields

_WIDTH = 80


def list_fields(config: ml_collections.ConfigDict) -> str:
    """Returns a line `--config.NAME=value` per field, and below it what the field does.

    The fields of the model come last, as its class describes them.
    """
    name = config.model.name
    about = {field: FIELDS[field].about for field in FIELDS}
    about["model.name"] = f"The model; known: {', '.join(MODELS)}."
    described = describe_attributes(MODELS[name])
    for field in config_fields(name):
        about[f"model.{field}"] = described.get(field, "")
    lines = []
    for field, text in about.items():
        lines.append(_as_flag(field, config[field]))
        lines += textwrap.wrap(
            text, _WIDTH, initial_indent="    ", subsequent_indent="    "
        )
    return "\n".join(lines)


def describe_attributes(module: type) -> dict[str, str]:
    """Returns the text of each attribute in the docstrings of a class and its bases.

    A class may describe an attribute of its base anew.
    """
    found: dict[str, str] = {}
    for owner in reversed(module.__mro__):
        document = inspect.cleandoc(owner.__dict__.get("__doc__") or "")
        _, _, section = document.partition("Attributes:\n")
        # The section ends at the next text that is not indented.
        section = re.split(r"\n(?=\S)", section)[0]
        for entry in re.split(r"\n(?=  \S)", "\n" + section):
            name, colon, text = entry.strip().partition(":")
            if colon:
                found[name] = _sentence(text)
    return found


def _sentence(text: str) -> str:
    """Returns a text as one line that begins with a capital and ends with a point."""
    words = " ".join(text.split())
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def _as_flag(name: str, value: object) -> str:
    """Returns a field as the command line takes it."""
    if value is None:
        return f"--config.{name} (absent)"
    if isinstance(value, tuple):
        return f'--config.{name}="{value}"'
    return f"--config.{name}={value}"
