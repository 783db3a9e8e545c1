"""The live view of one profile: its page, what moved on it and why, and its churn score."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import orjson
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams import topics
from streams.following import Follower
from streams.security.granted import require_rights
from streams.settings import Settings
from streams.tally import SURFACES
from streams.wording import Record, churn_in_words, decision_in_words, moves

HISTORY = 8
"""Decisions listed below the page."""
BAND_COLOURS = {"low": "green", "medium": "yellow", "high": "red"}
NAMES = (topics.ROW_CATALOG, topics.TITLE_CATALOG)
FOLLOWED = (*NAMES, *SURFACES)


class ProfileView:
    """What is known of one profile from the records seen so far. Pure: records come in, words and tables
    come out.
    """

    def __init__(self, profile_id: str, rows_shown: int) -> None:
        self.profile_id = profile_id
        self.page: Record | None = None
        self.churn: Record | None = None
        self.others: dict[str, str] = {}
        """What the other surfaces last decided, in words, by the record's topic."""
        self.names: dict[str, str] = {}
        self.history: deque[str] = deque(maxlen=HISTORY)
        self._rows_shown = rows_shown

    def see(self, topic: str, key: bytes | None, value: bytes | None) -> str | None:
        """Take one record in; what it says about the profile in one line, or ``None`` when it is not about
        it.
        """
        if topic in NAMES:
            self._name(key, value)
            return None
        if topics.profile_of(topic, (key or b"").decode(errors="replace")) != self.profile_id:
            return None
        if value is None:
            if topic in (topics.ROW_ORDER, topics.CHURN_SCORES):
                setattr(self, "page" if topic == topics.ROW_ORDER else "churn", None)
            self.others.pop(topic, None)
            return self._remember(f"profile {self.profile_id}: erased from {topic}", None)
        decision: dict[str, Any] = orjson.loads(value)
        words = decision_in_words(topic, decision, self.names)
        if topic == topics.ROW_ORDER:
            self.page = decision
        elif topic == topics.CHURN_SCORES:
            self.churn = decision
        else:
            self.others[topic] = words.removeprefix(f"profile {self.profile_id}: ")
        return self._remember(words, decision["ts"])

    def _name(self, key: bytes | None, value: bytes | None) -> None:
        name = (key or b"").decode(errors="replace")
        if value is None:
            self.names.pop(name, None)
            return
        try:
            self.names[name] = str(orjson.loads(value)["name"])
        except (ValueError, KeyError, TypeError):
            self.names.pop(name, None)  # a catalog record that the worker refuses, too

    def _remember(self, words: str, ts: int | None) -> str:
        line = (
            f"{datetime.fromtimestamp(ts / 1_000, UTC):%m-%d %H:%M:%S}  {words}" if ts is not None else words
        )
        self.history.append(line)
        return line

    def render(self) -> Panel:
        """The page, the churn score and the last changes as one panel."""
        parts: list[Any] = [self._page_table() if self.page else Text("no row order yet", style="dim")]
        if self.churn:
            colour = BAND_COLOURS[self.churn["band"]]
            parts.append(
                Text(churn_in_words(self.churn).removeprefix(f"profile {self.profile_id}: "), style=colour)
            )
        parts += [Text(words) for _, words in sorted(self.others.items())]
        if self.history:
            parts.append(Text("\n".join(self.history), style="dim"))
        return Panel(Group(*parts), title=f"profile {escape(self.profile_id)}", title_align="left")

    def _page_table(self) -> Table:
        page = self.page
        assert page is not None
        moved = {move.row_id: move for move in moves(page["previous"], page["rows"])}
        reasons: Mapping[str, Any] = {reason["row_id"]: reason for reason in page["reasons"]}
        table = Table(title=f"page, version {page['version']}", title_justify="left")
        for heading in ("", "row", "score", "moved", "because"):
            table.add_column(heading)
        shown = list(zip(page["rows"], page["scores"], strict=False))[: self._rows_shown]
        for place, (row_id, score) in enumerate(shown, start=1):
            move = moved.get(row_id)
            distance = move.distance if move else 0
            arrow = (
                f"[green]▲ {distance}[/]"
                if distance > 0
                else f"[red]▼ {-distance}[/]"
                if distance < 0
                else ""
            )
            reason = reasons.get(row_id)
            why = f"{reason['feature']} {reason['contribution']:+.2f}" if reason else ""
            table.add_row(
                str(place), escape(self.names.get(row_id, row_id)), f"{score:.3f}", arrow, escape(why)
            )
        return table


async def watch_profile(settings: Settings, profile_id: str, rows_shown: int, seconds: float | None) -> None:
    """Show what is decided for a profile until Ctrl-C, or for ``seconds``. Raises ``BrokerError`` and
    ``ConfigurationError``."""
    console = Console()
    view = ProfileView(profile_id, rows_shown)
    loop = asyncio.get_running_loop()
    deadline = None if seconds is None else loop.time() + seconds
    await require_rights(settings)
    async with Follower(settings, NAMES, from_start=True) as catalog:
        while not await catalog.caught_up():  # names first: topics are read in no order among each other
            for record in await catalog.records():
                view.see(record.topic, record.key, record.value)
    async with Follower(settings, FOLLOWED, from_start=True) as follower:
        last: dict[str, str] = {}
        while not await follower.caught_up():
            for record in await follower.records():
                if line := view.see(record.topic, record.key, record.value):
                    last[record.topic] = line
        if not last:
            console.print(f"nothing decided about {profile_id!r} yet; waiting", markup=False)
        screen = Live(view.render(), console=console, auto_refresh=False) if console.is_terminal else None
        with screen or nullcontext():
            if screen is None:
                for line in last.values():
                    console.print(line, markup=False, highlight=False, soft_wrap=True)
            while deadline is None or loop.time() < deadline:
                for record in await follower.records():
                    line = view.see(record.topic, record.key, record.value)
                    if line and screen is None:
                        console.print(line, markup=False, highlight=False, soft_wrap=True)
                if screen is not None:
                    screen.update(view.render(), refresh=True)
