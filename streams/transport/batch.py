"""The unit of work: the records of one fetch of one partition, and the log positions they cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Record(Protocol):
    """What the pipeline reads of a fetched record (aiokafka's ``ConsumerRecord`` is one)."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class PlainRecord:
    """A ``Record`` that no consumer fetched: for engines that are fed without a broker."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one partition that were fetched together.

    ``start`` and ``end`` are log positions, ``[start, end)``: where the fetcher stood before and stands
    after. They are not the first and last record's offsets, because transaction markers, aborted records
    and compaction leave holes that are no loss. ``records`` are in offset order, all within ``[start,
    end)``. ``behind`` is how many log positions lay after ``end`` when the batch was fetched, as far as its
    fetcher knew.
    """

    topic: str
    partition: int
    start: int
    end: int
    records: Sequence[Record]
    behind: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise ValueError(
                f"batch of {self.topic}-{self.partition} ends ({self.end}) before it starts ({self.start})"
            )
        if self.records and not self.start <= self.records[0].offset <= self.records[-1].offset < self.end:
            raise ValueError(
                f"records {self.records[0].offset}..{self.records[-1].offset} of "
                f"{self.topic}-{self.partition} lie outside of [{self.start}, {self.end})"
            )
