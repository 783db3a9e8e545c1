"""Which program runs here: said once, where it begins, so that a refusal deep inside can name whose rights to print."""

from __future__ import annotations


class RunningProgram:
    """One for the whole process, threads included: a process runs one program."""

    def __init__(self) -> None:
        self._name: str | None = None

    def set(self, name: str) -> None:
        """``name``: a key of ``streams.security.acls.PROGRAMS``."""
        self._name = name

    def get(self) -> str | None:
        """``None`` where a part of Flywheel is used as a library."""
        return self._name


program = RunningProgram()
