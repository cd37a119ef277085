"""What is doubtful about a recording."""

import dataclasses
from typing import Literal

Severity = Literal["refuse", "warn"]


@dataclasses.dataclass(frozen=True)
class Doubt:
    """Something about a recording that is probably a mistake.

    Attributes:
      kind: short name, such as "normalised" or "layout", for programs.
      severity: "refuse" where poses would be worthless, "warn" where they would be bad.
      sentence: what is odd, the likely mistake, and the flag that mends it.
    """

    kind: str
    severity: Severity
    sentence: str


def severity_of(is_worthless: bool) -> Severity:
    """Returns "refuse" where poses would be worthless, else "warn"."""
    return "refuse" if is_worthless else "warn"
