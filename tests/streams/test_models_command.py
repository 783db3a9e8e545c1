"""``flywheel models`` against a real worker on the embedded broker: listed, refused, forced, obeyed, kept over a
restart, rolled back."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from benchmarks.contenders import Worker
from benchmarks.events import catalogs, generate
from benchmarks.log import Progress, write
from streams import admin, topics
from streams.brokers.embedded import EmbeddedBroker
from streams.cli import FAILED, WRONG_USE, main
from streams.models_topic import read_models
from streams.promotion import Standing, standing_of
from streams.settings import ENV_PREFIX, Settings

pytestmark = pytest.mark.embedded

LIVE, SHADOW = "models.quality:pipeline", "tests.state.curved_model:curved"
EVENTS = 1_000
START_MS = int(time.time() * 1_000) - 60 * 86_400_000


class Scene:
    """A worker's settings, and events that are published bit by bit."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.settings = Settings(
            brokers=broker.address, app_id="chosen", partitions=2, surfaces="", web_port=0
        )
        admin.create_topics(self.settings)
        self.published = 0
        asyncio.run(write(self.settings.brokers, 2, catalogs()))

    def publish(self, worker: Worker) -> None:
        """Another day's events, until the worker has saved what they did."""
        day = self.published // EVENTS
        events = generate(EVENTS, profiles=60, start_ms=START_MS + day * 86_400_000, run=f"day{day}")
        asyncio.run(write(self.settings.brokers, 2, events))
        self.published += EVENTS
        asyncio.run(self._applied(worker))

    async def _applied(self, worker: Worker) -> None:
        async with Progress(self.settings.brokers, self.settings.app_id) as progress:
            while await progress.committed(topics.INPUTS, 2) < self.published:
                worker.check()
                await asyncio.sleep(0.05)

    def command(self, *words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["models", *words, "--brokers", self.settings.brokers, "--app-id", self.settings.app_id])
        assert isinstance(ended.value.code, int)
        return ended.value.code

    def followed(self, worker: Worker) -> Standing:
        """Where things stand when both partitions have heard the last word: it travels while batches do."""
        for _ in range(20):
            self.publish(worker)
            standing = self.standing()
            if standing.following == 2 and standing.control and standing.live == standing.control.live:
                break
        return standing

    def standing(self) -> Standing:
        return standing_of(asyncio.run(read_models(self.settings)), "quality")


def test_a_model_is_listed_promoted_and_rolled_back(
    embedded: EmbeddedBroker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LEARN_BATCH", "16"), ("MIX_EVERY", "1"), ("QUALITY_SHADOW", SHADOW)):
        monkeypatch.setenv(ENV_PREFIX + name, value)
    scene = Scene(embedded)
    with Worker(scene.settings) as worker:
        worker.await_ready()
        scene.publish(worker)
        assert scene.command("list") == 0
        listed = capsys.readouterr().out
        for word in ("quality", "demand", "2 of 2", "models.quality", "curved"):
            assert word in listed
        assert scene.command("show", "quality") == 0
        assert "may not be promoted" in capsys.readouterr().out
        assert scene.command("promote", "quality") == FAILED
        assert "--force" in capsys.readouterr().err and scene.standing().control is None
        assert scene.command("rollback", "quality") == FAILED
        assert "nothing was promoted" in capsys.readouterr().err

        assert scene.command("promote", "quality", "--force") == 0
        said = capsys.readouterr()
        assert "FORCED" in said.err and f"{SHADOW} goes to work in place of {LIVE}" in said.out
        standing = scene.followed(worker)
        assert (standing.live, standing.shadow, standing.following) == (SHADOW, LIVE, 2)
        before = standing.version
    with Worker(scene.settings) as worker:
        worker.await_ready()
        scene.publish(worker)
        standing = scene.standing()
        assert (standing.live, standing.shadow, standing.following) == (SHADOW, LIVE, 2)
        assert standing.version > before, "it went on learning from where it was"
        assert scene.command("rollback", "quality") == 0
        assert f"{LIVE} goes back to work" in capsys.readouterr().out
        standing = scene.followed(worker)
        assert (standing.live, standing.following) == (LIVE, 2)
        assert scene.command("rollback", "quality") == FAILED


def test_what_is_asked_of_nobody_is_said(
    embedded: EmbeddedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(brokers=embedded.address, app_id="silent", partitions=1)
    with pytest.raises(SystemExit) as ended:
        main(["models", "list", "--brokers", settings.brokers, "--app-id", "silent"])
    assert ended.value.code == WRONG_USE and "topics create" in capsys.readouterr().err
    admin.create_topics(replace(settings))
    with pytest.raises(SystemExit) as ended:
        main(["models", "show", "quality", "--brokers", settings.brokers, "--app-id", "silent"])
    assert ended.value.code == WRONG_USE and "is sharing on" in capsys.readouterr().err
