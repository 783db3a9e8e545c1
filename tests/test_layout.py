"""The rules of the house that no linter knows: who may import whom, clocks, sizes, names, docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.gateway import catalogue as gateway_catalogue
from streams.metrics import catalogue

METRICS = (*catalogue.CATALOGUE, *gateway_catalogue.CATALOGUE)

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path for folder in ("streams", "models", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MAX_LINES = 300
"""More than a reader can hold in mind."""
MAX_TEST_LINES = 500
"""A test file is read a test at a time."""
USUAL_LINES = 200
USUAL_SHARE = 0.8

PURE = (
    "streams/profiles/",
    "streams/decisions/",
    "streams/state/",
    "streams/emit/",
    "streams/events/",
    "streams/pipeline.py",
    "streams/engine.py",
    "streams/topics.py",
    "streams/transport/batch.py",
)
"""Knows viewers and records, but no broker, no event loop and no clock: time is passed in."""
EDGE = ("faust", "mode", "aiokafka", "aiohttp", "asyncio", "prometheus_client", "click", "rich")
STREAMING = (
    "partition",
    "checkpoint",
    "recovery",
    "app",
    "agents",
    "watch",
    "metrics",
    "brokers",
    "admin",
    "cli",
)
CLOCKS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "monotonic"),
    ("time", "monotonic_ns"),
    ("time", "sleep"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}
BROKER_USERS = (
    "streams/brokers/",
    "streams/demo",
    "streams/replay/",
    "streams/commands/",
    "streams/cli.py",
    "benchmarks/",
)
"""A worker never starts a broker: only what sets up a whole scene does."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), name_of(path))


def imports(tree: ast.Module) -> Iterator[str]:
    """Every module that is imported, wherever in the file, except by the type checker alone."""
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def named(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=name_of(path)) for path in paths]


MODELS = [path for path in SOURCES if name_of(path).startswith("models/")]
PURE_FILES = [path for path in SOURCES if name_of(path).startswith(PURE)]


@pytest.mark.parametrize("path", named(MODELS))
def test_models_know_no_stream_and_no_clock(path: Path) -> None:
    forbidden = [
        module for module in imports(parsed(path)) if within(module, "streams", "time", "datetime", *EDGE)
    ]
    assert forbidden == []


@pytest.mark.parametrize("path", named(PURE_FILES))
def test_the_pure_part_knows_no_broker(path: Path) -> None:
    streaming = [f"streams.{name}" for name in STREAMING]
    forbidden = [module for module in imports(parsed(path)) if within(module, *EDGE, *streaming)]
    assert forbidden == []


@pytest.mark.parametrize("path", named([*PURE_FILES, *MODELS]))
def test_time_is_passed_in(path: Path) -> None:
    calls = [node.func for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
    read = [
        ast.unparse(call)
        for call in calls
        if isinstance(call, ast.Attribute)
        and (ast.unparse(call.value).rsplit(".", 1)[-1], call.attr) in CLOCKS
    ]
    assert read == []


def test_a_worker_starts_no_broker() -> None:
    guilty = [
        name_of(path)
        for path in SOURCES
        if not name_of(path).startswith(BROKER_USERS)
        and any(within(module, "streams.brokers") for module in imports(parsed(path)))
    ]
    assert guilty == []


def test_the_package_imports_nothing_of_tests_and_benchmarks() -> None:
    guilty = [
        name_of(path)
        for path in SOURCES
        if not name_of(path).startswith("benchmarks/")
        and any(
            within(module, "tests", "benchmarks", "pytest", "hypothesis") for module in imports(parsed(path))
        )
    ]
    assert guilty == []


def test_files_can_be_held_in_mind() -> None:
    limits = dict.fromkeys(SOURCES, MAX_LINES) | dict.fromkeys(TESTS, MAX_TEST_LINES)
    lines = {path: len(path.read_text().splitlines()) for path in limits}
    assert {name_of(path): lines[path] for path, limit in limits.items() if lines[path] > limit} == {}
    usual = sum(count <= USUAL_LINES for count in lines.values())
    assert usual >= USUAL_SHARE * len(lines)


def test_every_module_says_what_it_is_responsible_for() -> None:
    assert [name_of(path) for path in [*SOURCES, *TESTS] if not ast.get_docstring(parsed(path))] == []


def test_the_reading_order_names_files_that_exist() -> None:
    door = ROOT / "streams" / "__init__.py"
    text = ast.get_docstring(parsed(door)) or ""
    paths = re.findall(r"(?<![\w/])[a-z_]+(?:/[a-z_]+)*(?:\.py|/)(?!\w)", text)
    assert len(paths) >= 5, "streams/__init__.py lists the files in the order in which to read them"
    missing = [path for path in paths if not ((door.parent / path).exists() or (ROOT / path).exists())]
    assert missing == []


def test_there_is_no_package_under_tests() -> None:
    # With one, tests/streams would shadow the real package.
    assert [name_of(path) for path in TESTS if path.name == "__init__.py"] == []


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in TESTS if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def test_names_are_words_of_the_domain() -> None:
    vague = re.compile(r"manager|helper|util|handler", re.IGNORECASE)
    files = [name_of(path) for path in [*SOURCES, *TESTS] if vague.search(path.stem)]
    defined = [
        f"{name_of(path)}: {node.name}"
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and vague.search(node.name)
    ]
    assert files + defined == []


def test_nothing_names_the_machine_it_was_written_on() -> None:
    shared = [ROOT / name for name in ("Makefile", ".ci/run", "pyproject.toml", "README.md", "CHANGELOG.md")]
    deployed = [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]
    files = [path for path in [*SOURCES, *TESTS, *shared, *deployed] if path.exists()]
    machine = re.compile(r"/(?:work|root|home)/(?!flywheel)\w+")
    assert [name_of(path) for path in files if machine.search(path.read_text())] == []


def test_metric_names_say_their_unit() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"flywheel_[a-z]+(_[a-z]+)*", metric.name), metric.name
        assert metric.name.rsplit("_", 1)[1] in catalogue.UNITS, metric.name
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
        assert (metric.kind == "info") == metric.name.endswith("_info"), metric.name
        assert (metric.kind == "histogram") == bool(metric.buckets), metric.name
        assert list(metric.buckets) == sorted(set(metric.buckets)), metric.name
        assert metric.why.endswith((".", ")")) and len(metric.why) >= 20, metric.name
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_every_metric_is_in_the_catalogue() -> None:
    defined = [value for value in vars(catalogue).values() if isinstance(value, catalogue.Metric)]
    assert set(defined) == set(catalogue.CATALOGUE)
    known = {metric.name for metric in METRICS}
    known |= {f"{m.name}_{part}" for m in METRICS if m.buckets for part in ("bucket", "sum", "count")}
    deployed = [path for path in (ROOT / "deploy").rglob("*") if path.suffix in (".yml", ".json", ".md")]
    unknown = [
        f"{name_of(path)}: {found}"
        for path in [*SOURCES, *deployed, ROOT / "README.md"]
        if path.exists()
        for found in re.findall(
            r"(?<!:)\bflywheel_[a-z_]+(?!:)\b", path.read_text()
        )  # job:flywheel_...: is recorded
        if found not in known and path.name != "catalogue.py"
    ]
    assert unknown == []
