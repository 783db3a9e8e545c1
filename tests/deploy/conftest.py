"""What is deployed, as the tests read it: manifests as kustomize builds them, and the strict schemas of every kind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml

from streams.cli import cli

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
SCHEMAS = Path(__file__).parent / "schemas"
OVERLAYS = ("small", "production")
NO_KUSTOMIZE = "the Kubernetes manifests need kustomize or kubectl to be built: NOTHING OF THEM WAS TESTED"

Manifest = dict[str, Any]


def kustomize() -> list[str] | None:
    """The command that builds a kustomization: kustomize itself (``.ci/run`` puts it beside Python), or kubectl's."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    if found := shutil.which("kustomize", path=path):
        return [found, "build"]
    if found := shutil.which("kubectl", path=path):
        return [found, "kustomize"]
    return None


@cache
def built(overlay: str) -> tuple[Manifest, ...]:
    """Every manifest of an overlay, as ``kubectl apply -k`` would send it."""
    command = kustomize()
    if command is None:
        if os.environ.get("CI"):
            pytest.fail(NO_KUSTOMIZE)
        pytest.skip(NO_KUSTOMIZE)
    folder = KUBERNETES / "overlays" / overlay
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    """The name of each overlay in turn."""
    return str(request.param)


@pytest.fixture
def manifests(overlay: str) -> tuple[Manifest, ...]:
    """Every manifest of ``overlay``."""
    return built(overlay)


@pytest.fixture
def production() -> tuple[Manifest, ...]:
    """Every manifest of the overlay for production."""
    return built("production")


@cache
def schema(name: str) -> Any:
    """A validator of one of the schemas beside the tests."""
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{name}.json").read_text()))


@pytest.fixture
def schema_named() -> Any:
    """``schema_named(name)``: a validator of ``schemas/NAME.json``."""
    return schema


def parsed(arguments: list[str]) -> click.Command:
    """The command that ``arguments`` name, having parsed them all; else ``click.UsageError``, as from the program."""
    command: click.Command = cli
    context = click.Context(cli, info_name="flywheel")
    rest = list(arguments)
    while isinstance(command, click.Group) and (rest or not command.invoke_without_command):
        name, *rest = rest or [""]
        inner = command.get_command(context, name)
        if inner is None:
            raise click.UsageError(f"`{name}` is no command of `{context.command_path}`")
        command, context = inner, click.Context(inner, info_name=name, parent=context)
    command.parse_args(context, rest)
    return command


@pytest.fixture
def parse() -> Any:
    """``parse(arguments)``: the command of ``flywheel`` that they name, or ``click.UsageError``."""
    return parsed
