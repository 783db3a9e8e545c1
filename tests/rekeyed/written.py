"""What an owner has put where."""

from __future__ import annotations

from typing import Any

import orjson


class Written:
    """What an owner has put where."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, Any]] = []

    def __call__(self, topic: str, key: bytes, value: bytes | None) -> None:
        self.records.append((key, None if value is None else orjson.loads(value)))

    @property
    def last(self) -> Any:
        return self.records[-1][1]
