"""The gateway's benchmark, tiny: it works and reports. How fast it is depends on the machine and is not asked here."""

from __future__ import annotations

import shutil

import orjson
import pytest

from benchmarks.gateway import main


@pytest.mark.embedded
def test_a_tiny_run_asks_for_pages_and_reports(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--rate", "100", "--seconds", "2", "--profiles", "20", "--decisions", "20"])
    said = orjson.loads(capsys.readouterr().out)
    for client in ("own", *(["vegeta"] if shutil.which("vegeta") else [])):
        found = said[client]
        assert found["failed"] == 0
        assert found["rate"] > 0
        assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert said["cpu_share"] > 0
