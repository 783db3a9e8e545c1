"""The documentation is true: reference pages are what the code says, links lead somewhere, commands exist."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from streams.cli import cli
from streams.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md", *ROOT.glob("deploy/**/*.md")])
BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def blocks(page: Path, language: str) -> list[str]:
    return [
        "\n".join(line.removeprefix(indent) for line in code.splitlines()) + "\n"
        for indent, found, code in BLOCK.findall(page.read_text())
        if found == language
    ]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = generator()


def test_the_reference_is_what_the_code_says() -> None:
    # In a process of its own: click remembers how a command was first asked for help, and other tests ask, too.
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_setting_has_its_place_in_the_reference() -> None:
    page = GENERATOR.settings_page()
    missing = [
        field for field in Settings.__dataclass_fields__ if f"`{ENV_PREFIX}{field.upper()}`" not in page
    ]
    assert not missing


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} (.+)$", BLOCK.sub("", page.read_text()), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", "")).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {slug if not n else f"{slug}-{n}" for slug, last in found.items() for n in range(last + 1)}


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text())):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


def test_every_page_is_reached_from_the_index() -> None:
    reached, waiting = set(), [ROOT / "docs" / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in re.findall(r"\]\(([^)\s#]+\.md)", page.read_text()):
            if "://" not in target:
                waiting.append((page.parent / target).resolve())
    assert not [str(page) for page in ROOT.glob("docs/**/*.md") if page not in reached]


def commands(page: Path) -> list[list[str]]:
    """The words of every ``flywheel ...`` in the page's shell blocks."""
    found = []
    for language in ("sh", "bash", "console", ""):
        for block in blocks(page, language):
            for line in block.replace("\\\n", " ").splitlines():
                command = re.search(r"(?:^|[\s/(])flywheel ([a-z][^#|&;>)]*)", line)
                if command and not line.lstrip().startswith("#"):
                    found.append(shlex.split(command[1].replace("[", "").replace("]", "")))
    return found


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_commands_shown_exist_with_their_options(page: Path) -> None:
    for words in commands(page):
        command: click.Command = cli
        rest = list(words)
        while isinstance(command, click.Group) and rest:
            if command.invoke_without_command and rest[0].startswith("-"):
                break  # a command that has others below it
            assert rest[0] in command.commands, f"flywheel {' '.join(words)}"
            command = command.commands[rest.pop(0)]
        options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        unknown = [w for w in rest if w.startswith("--") and w.partition("=")[0] not in {*options, "--help"}]
        assert not unknown, f"flywheel {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_settings_shown_exist(page: Path) -> None:
    known = {f"{ENV_PREFIX}{field.upper()}" for field in Settings.__dataclass_fields__}
    shown = set(re.findall(rf"\b{ENV_PREFIX}[A-Z][A-Z_]*[A-Z]\b", page.read_text()))
    assert not shown - known


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_python_shown_compiles(page: Path) -> None:
    for code in blocks(page, "python"):
        compile(ast.parse(code), str(page), "exec")
