"""What is measured of a process, read from ``/proc``: CPU time, memory now and memory at its peak."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
KIB = 1_024


@dataclass(frozen=True, slots=True)
class Usage:
    """``cpu_seconds`` (user and system) since the process began, ``rss_bytes`` now, ``peak_bytes`` ever."""

    cpu_seconds: float
    rss_bytes: int
    peak_bytes: int


def usage(pid: int) -> Usage:
    """What the process with all its threads has used. Raises ``OSError`` when it has ended."""
    # The name in brackets may hold spaces, so count after it: utime and stime are the 14th and 15th of all.
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    return Usage(
        cpu_seconds=(int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND,
        rss_bytes=int(status["VmRSS"].split()[0]) * KIB,
        peak_bytes=int(status["VmHWM"].split()[0]) * KIB,
    )
