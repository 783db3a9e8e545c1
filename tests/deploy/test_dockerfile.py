"""The image: what its Dockerfile names exists, its programs run, and its entrypoint does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from streams import settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
ENTRYPOINT = DEPLOY / "entrypoint.sh"


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """The Dockerfile with continued lines joined, as Docker reads it."""
    return (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")


def instructions(dockerfile: str, name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", dockerfile, re.MULTILINE)


def environment(dockerfile: str, *, stage: int) -> dict[str, str]:
    """The variables that one stage sets (0: the first)."""
    stages = re.split(r"^FROM .+$", dockerfile, flags=re.MULTILINE)[1:]
    lines = " ".join(instructions(stages[stage], "ENV"))
    return {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|\S+)', lines)}


def test_it_is_built_from_what_exists_and_what_is_sent(dockerfile: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert "*" in ignored
    sources = [
        source
        for line in instructions(dockerfile, "COPY")
        if "--from" not in line
        for source in [word for word in line.split() if not word.startswith("--")][:-1]
    ]
    assert len(sources) >= 6
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in sent, f"{source} is kept out by .dockerignore"


def test_it_installs_what_is_locked_and_nothing_else(dockerfile: str) -> None:
    installs = [line for line in instructions(dockerfile, "RUN") if " install " in line and "pip" in line]
    assert len(installs) == 2
    assert "--require-hashes --requirement deploy/requirements.lock" in installs[0]
    assert "--no-deps" in installs[1] and re.search(r"setuptools==\d", installs[1])


def test_the_base_is_pinned_and_nothing_runs_as_root(dockerfile: str) -> None:
    bases = instructions(dockerfile, "FROM")
    assert len(bases) == 2
    assert (
        len({base.split()[0] for base in bases}) == 1
    )  # else the environment would not run where it is copied to
    assert re.search(r":\d+\.\d+\.\d+-slim-\w+", bases[0])
    assert instructions(dockerfile, "USER")[-1] == "10001:10001"
    assert not [
        line for line in instructions(dockerfile, "COPY") if "--chown" in line
    ]  # its own code is not its to change


def test_its_settings_are_settings_and_its_ports_agree(dockerfile: str) -> None:
    image = environment(dockerfile, stage=1)
    loaded = settings.load(image)
    assert loaded.web_host == "0.0.0.0"
    assert image["HEALTH_URL"] == f"http://127.0.0.1:{loaded.web_port}/healthz"
    assert instructions(dockerfile, "EXPOSE") == [str(loaded.web_port)]


def test_the_engine_is_compiled_for_the_kind_of_cpu_that_the_image_runs_with(dockerfile: str) -> None:
    building, running = environment(dockerfile, stage=0), environment(dockerfile, stage=1)
    for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"):
        assert building[name] == running[name]
    assert set(instructions(dockerfile, "ARG")) == {"CPU=x86-64-v3"}
    # numba finds compiled code again by these two: with both given, the machine it was built on is not in the name.
    program = (
        "from numba.core.registry import cpu_target as t; print(t.target_context.codegen().magic_tuple()[1:])"
    )
    given = {**os.environ, "NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ""}
    said = subprocess.run(
        [sys.executable, "-c", program], env=given, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "('x86-64-v3', '')"


def test_the_image_compiles_the_engine_by_a_program_that_runs(dockerfile: str) -> None:
    programs = re.findall(r'python -c\s+"([^"]+)"', dockerfile)
    warming = [program for program in programs if "warm" in program]
    assert len(warming) == 1
    done = subprocess.run([sys.executable, "-c", warming[0]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(" s")


def test_its_health_check_fails_when_nobody_answers(dockerfile: str) -> None:
    (check,) = re.findall(r'CMD \["python", "-c", "(import os[^"]+)"\]', dockerfile)
    nobody = {**os.environ, "HEALTH_URL": "http://127.0.0.1:9/healthz"}
    assert subprocess.run([sys.executable, "-c", check], env=nobody, capture_output=True).returncode != 0


def entered(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The entrypoint run with a ``flywheel`` that says what it was given and who it is."""
    program = tmp_path / "bin" / "flywheel"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nfor each in "$@"; do echo "<$each>"; done\necho $$\nexit 7\n')
    program.chmod(0o755)
    (tmp_path / "cache").mkdir(exist_ok=True)
    environ = {
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "COMPILED": str(tmp_path / "compiled"),
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }
    with subprocess.Popen(
        ["sh", str(ENTRYPOINT), *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        out, err = process.communicate()
        assert out.splitlines()[-1:] == [str(process.pid)], err  # the same process: signals reach it
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def test_the_entrypoint_brings_the_compiled_code_along(tmp_path: Path) -> None:
    compiled = tmp_path / "compiled" / "compiled-0123" / "loop"
    compiled.mkdir(parents=True)
    (compiled / "f.nbi").write_bytes(b"index")
    done = entered(tmp_path, "topics", "create", "--brokers", "a b")
    assert done.returncode == 7
    assert done.stdout.splitlines()[:-1] == ["<topics>", "<create>", "<--brokers>", "<a b>"]
    assert (tmp_path / "cache" / "compiled-0123" / "loop" / "f.nbi").read_bytes() == b"index"


def test_the_entrypoint_goes_on_without_compiled_code(tmp_path: Path) -> None:
    assert entered(tmp_path, "worker").returncode == 7
