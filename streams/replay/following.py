"""Collects the input log and the decisions while the worker makes them, and tells when it has consumed all.

Reads committed, from the moment before the first event is published on: decisions are read as they come,
because a compacted topic keeps only each profile's last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import BrokerError, StalledError
from streams.events.decode import decode
from streams.replay.report import Judge
from streams.security.connection import connection
from streams.settings import Settings
from streams.topics import CHURN_SCORES, DEAD_LETTERS, HOMEPAGE_RANKINGS, INPUTS, ROW_ORDER, VIEWING_EVENTS

POLL_MS = 200
LOOK_EVERY_S = 0.5


class Follower:
    """Feeds a judge from the broker. ``start``, then ``run`` beside the publishing; ``finish`` when all is
    published.

    Raises ``BrokerError`` when the broker is lost, ``StalledError`` when the worker makes no progress for
    ``settings.stall_deadline_ms``.
    """

    def __init__(self, settings: Settings, judge: Judge) -> None:
        self._settings = settings
        self._judge = judge
        self._consumer = AIOKafkaConsumer(
            **connection(settings),
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            fetch_max_wait_ms=POLL_MS,
        )
        # It never joins the group: it only asks what the group has committed. (The admin client could, but
        # sends a version of the request that the embedded broker answers wrongly.)
        self._group = AIOKafkaConsumer(
            **connection(settings), group_id=settings.app_id, enable_auto_commit=False
        )
        self._reading: asyncio.Task[None] | None = None
        self._taking = False
        """The consumer has handed records over, and so stands behind them, which are still being taken."""
        self._rejected_at: set[tuple[str, int, int]] = set()

    async def start(self) -> None:
        """Note where every topic ends now; what comes later is read from there."""
        try:
            await self._consumer.start()
            await self._group.start()
            outputs = (
                ROW_ORDER,
                CHURN_SCORES,
                HOMEPAGE_RANKINGS,
                DEAD_LETTERS,
                self._settings.predictions_topic,
            )
            names = (VIEWING_EVENTS, *outputs)
            partitions = [TopicPartition(name, p) for name in names for p in range(self._settings.partitions)]
            self._consumer.assign(partitions)
            for partition, offset in (await self._consumer.end_offsets(partitions)).items():
                self._consumer.seek(partition, offset)
            await self._skip_what_was_there(partitions)
        except KafkaError as error:
            raise BrokerError(f"no answer from the broker at {self._settings.brokers}: {error}") from error
        self._reading = asyncio.create_task(self._read())

    async def _skip_what_was_there(self, partitions: list[TopicPartition]) -> None:
        """The embedded broker names the beginning of the last batch as the end: what follows is old, too."""
        ends: dict[TopicPartition, int] = {}
        patience = _Patience(self._settings.stall_deadline_ms / 1000)
        waiting = set(partitions)
        while waiting:
            await self._consumer.getmany(timeout_ms=POLL_MS)
            for tp in sorted(waiting):
                end = self._told_end(tp)
                if end is not None and await self._consumer.position(tp) >= ends.setdefault(tp, end):
                    waiting.remove(tp)
            patience.see(len(ends), "the broker does not answer fetches")

    def _told_end(self, tp: TopicPartition) -> int | None:
        """Where the log ended when the broker last answered a fetch; ``None`` before its first answer."""
        end = self._consumer.last_stable_offset(tp)
        return self._consumer.highwater(tp) if end is None or end < 0 else end

    async def stop(self) -> None:
        """Stop reading and close the connections."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._consumer.stop()
        await self._group.stop()

    async def finish(
        self,
        ends: Mapping[TopicPartition, int],
        check: Callable[[], None],
        progress: Callable[[int, int], None],
        first_move_s: float = 0.0,
    ) -> None:
        """Wait until the worker has consumed the inputs up to ``ends`` (as :class:`Publisher` counts them),
        and everything it emitted has been read.

        ``check`` is called while waiting and may raise (the worker died); ``progress`` gets the sum of its
        positions and that of ``ends``. A worker that has yet to start gets at least ``first_move_s``.
        """
        ends = {tp: end for tp, end in ends.items() if tp.topic in INPUTS}
        total = sum(ends.values())
        patience = _Patience(self._settings.stall_deadline_ms / 1000, first_move_s)
        while True:
            self._check_reading()
            check()
            consumed = sum([await self._consumed(tp, end) for tp, end in ends.items()])
            progress(consumed, total)
            if consumed >= total:
                break
            patience.see(consumed, f"the worker stands at {consumed:,} of {total:,} events")
            await asyncio.sleep(LOOK_EVERY_S)
        await self._read_to_the_end(ends)

    async def _consumed(self, partition: TopicPartition, end: int) -> int:
        try:
            offset = await self._group.committed(partition)
        except KafkaError as error:
            raise BrokerError(f"the broker does not tell what the worker has consumed: {error}") from error
        return min(offset or 0, end)

    async def _read_to_the_end(self, published: Mapping[TopicPartition, int]) -> None:
        assigned = list(self._consumer.assignment())
        # Asked as one who reads the uncommitted: the worker's positions may be committed, and thus seen, a moment
        # before its last transaction's end is written to the outputs, and until then that transaction is behind
        # the end that a reader of the committed is told.
        ends = await self._group.end_offsets(assigned)
        ends = {tp: max(end, published.get(tp, 0)) for tp, end in ends.items()}
        patience = _Patience(self._settings.stall_deadline_ms / 1000)
        while True:
            self._check_reading()
            positions = {tp: await self._consumer.position(tp) for tp in assigned}
            # The broker's word for the end may fall short within the last batch; the answer to the fetch that
            # brought this batch does not.
            behind = [tp for tp in assigned if positions[tp] < max(ends[tp], self._told_end(tp) or 0)]
            if not behind and not self._taking:
                return
            patience.see(sum(positions.values()), f"reading the decisions of {sorted(behind)} stands still")
            await asyncio.sleep(POLL_MS / 1000)

    def _check_reading(self) -> None:
        if self._reading is not None and self._reading.done():
            self._reading.result()

    async def _read(self) -> None:
        while True:
            try:
                fetched = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=5_000)
            except KafkaError as error:
                raise BrokerError(f"reading from {self._settings.brokers} failed: {error}") from error
            self._taking = True
            for tp, records in fetched.items():
                if tp.topic == VIEWING_EVENTS:
                    self._take_events(tp.partition, records)
                else:
                    for record in records:
                        self._take_output(tp.topic, record)
                await asyncio.sleep(0)  # the publisher's turn
            self._taking = False

    def _take_events(self, partition: int, records: list[Any]) -> None:
        now_ms = max(record.timestamp for record in records)
        decoded = decode(VIEWING_EVENTS, records, now_ms, self._settings)
        for index, event in zip(decoded.indexes, decoded.events, strict=True):
            self._judge.add_event(partition, records[index].offset, event)

    def _take_output(self, topic: str, record: Any) -> None:
        judge = self._judge
        if topic == DEAD_LETTERS:
            headers = dict(record.headers)
            place = (headers["topic"].decode(), int(headers["partition"]), int(headers["offset"]))
            if place not in self._rejected_at:  # at least once: a dead letter may be sent twice
                self._rejected_at.add(place)
                judge.add_reject(headers["reason"].decode())
        elif record.value is None:
            return  # a tombstone: an erased profile
        elif topic == ROW_ORDER:
            judge.add_row_order(orjson.loads(record.value))
        elif topic == HOMEPAGE_RANKINGS:
            judge.add_ranking(orjson.loads(record.value))
        elif topic == CHURN_SCORES:
            judge.add_churn_score(orjson.loads(record.value))
        else:
            judge.add_prediction(orjson.loads(record.value))


class _Patience:
    """Raises ``StalledError`` when what it sees has not moved for too long, or has not begun to for
    ``first_s``.
    """

    def __init__(self, deadline_s: float, first_s: float = 0.0) -> None:
        self._deadline_s = deadline_s
        self._allowed_s = max(deadline_s, first_s)
        self._seen: int | None = None
        self._since = 0.0

    def see(self, value: int, what: str) -> None:
        now = asyncio.get_running_loop().time()
        if self._seen is None:
            self._seen, self._since = value, now
        elif value != self._seen:
            self._seen, self._since, self._allowed_s = value, now, self._deadline_s
        elif now - self._since > self._allowed_s:
            raise StalledError(f"{what}, and has not moved for {self._allowed_s:.0f} s: is a worker running?")
