"""What is wrong with one file, apart from where it stands."""

from __future__ import annotations

from pathlib import Path

from knowledge.errors import RatchetError


class FileProblem(RatchetError):
    """A file, or a row of one, that cannot be taken in. `reason` ends with what to do."""

    def __init__(self, source: Path | str, reason: str) -> None:
        self.source = str(source)
        self.reason = reason
        super().__init__(f"{self.source}: {reason}")
