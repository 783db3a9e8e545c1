"""The tutorial is run as it stands, from its first shell line to its last."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from streams.brokers.loopback import free_port

ROOT = Path(__file__).resolve().parents[2]
STEPS = re.findall(
    r"^```sh\n(.*?)^```", (ROOT / "docs" / "tutorial.md").read_text(), re.DOTALL | re.MULTILINE
)


def test_the_tutorial_ends_with_a_page_that_has_changed(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLYWHEEL_")}
    environment |= {
        "TUTORIAL_PORT": str(free_port()),
        "TUTORIAL_WEB_PORT": str(free_port()),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    script = "set -e\n" + "\n".join(STEPS)
    with subprocess.Popen(
        ["bash", "-c", script], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    ) as shell:  # fmt: skip
        try:
            said, _ = shell.communicate()
        finally:  # what the tutorial started and did not come to stop
            if shell.returncode != 0:
                os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0, said
    page = (tmp_path / "page.log").read_text()
    assert re.search(r"page .*begins with Thriller|Thriller.* -> 1\b", page), page
