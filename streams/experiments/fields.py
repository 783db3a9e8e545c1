"""One field of a declaration, checked. All raise ``ConfigurationError``, which says where and what to
change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from streams.errors import ConfigurationError


def known(told: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    """Refuse names that are none of ``names``: a typo must not be read as nothing said."""
    unknown = sorted(set(told) - set(names))
    if unknown:
        raise ConfigurationError(f"{where}: {unknown[0]} is not known: {', '.join(names)} are")


def number(
    told: Mapping[str, Any], name: str, default: float, where: str, least: float, most: float
) -> float:
    """The number ``name``, within its limits."""
    value = told.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ConfigurationError(
            f"{where}: {name} is {value!r}: set it to a number from {least:g} to {most:g}"
        )
    return float(value)


def choice(told: Mapping[str, Any], name: str, choices: tuple[str, ...], default: str, where: str) -> str:
    """The value of ``name``, one of ``choices``."""
    value = told.get(name, default)
    if value not in choices:
        raise ConfigurationError(f"{where}: {name} is {value!r}: set it to one of {', '.join(choices)}")
    return str(value)


def time(told: Mapping[str, Any], name: str, default: int, where: str) -> int:
    """The time ``name`` in ms since the epoch; without a zone it is UTC."""
    value = told.get(name)
    if value is None:
        return default
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ConfigurationError(f"{where}: {name} is {value!r}: write it as 2026-12-01T00:00:00Z")
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return round(value.timestamp() * 1000)
