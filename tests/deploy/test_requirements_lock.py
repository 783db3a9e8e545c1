"""The locked dependencies: they satisfy ``pyproject.toml``, each has hashes, and no registry is named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "deploy" / "requirements.lock").read_text()
ENTRY = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>\S+)(?P<rest>(?:[^\n]*\\\n)+[^\n]*)", re.MULTILINE)


def locked() -> dict[str, str]:
    return {canonicalize_name(entry["name"]): entry["version"] for entry in ENTRY.finditer(LOCK)}


def test_it_satisfies_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    versions = locked()
    unmet = [
        requirement
        for requirement in map(Requirement, wanted)
        if not requirement.specifier.contains(versions.get(canonicalize_name(requirement.name), "0"))
    ]
    assert unmet == [], "run `make lock`"


def test_every_entry_has_hashes_and_no_registry_is_named() -> None:
    begins = re.findall(r"^[^\s#]", LOCK, re.MULTILINE)
    entries = list(ENTRY.finditer(LOCK))
    assert len(begins) == len(entries) > 20
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry["rest"]), entry["name"]
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host|\w@", LOCK)
