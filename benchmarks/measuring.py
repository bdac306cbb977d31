"""CPU of this process and of its database server, wall time, and peak memory.

The server's CPU is that of all its processes: the back end, parallel workers (which end before
they can be asked; the postmaster has inherited theirs) and the background writers.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Spent:
    """What one stretch of work took, in seconds; `server` 0.0 where there is none."""

    wall: float = 0.0
    client: float = 0.0
    server: float = 0.0

    @property
    def cpu(self) -> float:
        return self.client + self.server

    def as_json(self) -> dict[str, float]:
        return {
            "wall_s": round(self.wall, 4),
            "cpu_s": round(self.cpu, 4),
            "client_cpu_s": round(self.client, 4),
            "server_cpu_s": round(self.server, 4),
        }


@dataclass(slots=True)
class Meter:
    """Measures stretches of work of this process and of the server behind `backend`."""

    backend: int | None = None
    _server: int | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.backend is not None:
            self._server = int(_status(self.backend)["PPid"])

    @contextmanager
    def measured(self) -> Iterator[Spent]:
        spent = Spent()
        server = self._server_cpu()
        client, wall = time.process_time(), time.perf_counter()
        yield spent
        spent.wall = time.perf_counter() - wall
        spent.client = time.process_time() - client
        spent.server = self._server_cpu() - server

    def _server_cpu(self) -> float:
        if self._server is None:
            return 0.0
        total = 0.0
        for entry in _PROC.iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(entry.name) == self._server:
                    total += (int(fields[13]) + int(fields[14])) * _TICK  # of ended children
                elif int(fields[1]) != self._server:
                    continue
                total += int((entry / "schedstat").read_text().split()[0]) / 1e9
            except (FileNotFoundError, ProcessLookupError):
                continue
        return total

    def peaks(self) -> dict[str, int]:
        """Peak resident memory in MiB: of this process, and of the back end.

        The back end's share of the shared buffers is counted with it; the second figure leaves
        out what it shares now.
        """
        # Not ru_maxrss: that of a new process begins with what its parent had.
        found = {"peak_mib": int(_status("self")["VmHWM"].split()[0]) // 1024}
        if self.backend is not None:
            status = _status(self.backend)
            peak, shared = (int(status[name].split()[0]) for name in ("VmHWM", "RssShmem"))
            found["server_peak_mib"] = peak // 1024
            found["server_private_peak_mib"] = (peak - shared) // 1024
        return found


def _status(pid: int | str) -> dict[str, str]:
    lines = (_PROC / str(pid) / "status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def say(what: str, **values: Any) -> None:
    """One result as a JSON line on standard output."""
    print(json.dumps({"what": what, **values}), flush=True)
