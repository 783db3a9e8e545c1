"""Which program runs here: said once, where it begins, so that a refusal deep inside can name whose rights to print."""

from __future__ import annotations

from contextvars import ContextVar

program: ContextVar[str | None] = ContextVar("program", default=None)
"""A key of ``streams.security.acls.PROGRAMS``; ``None`` where a part of Flywheel is used as a library."""
