"""From M-Pesa's word to whoever waits for it: how long it takes, and how many may wait.

The server is `hakika serve`, as it comes. Payers, Daraja and the merchant's receiver are one other process, with one
clock: a time begins when a callback's last byte is handed to the kernel, and ends when the first byte that tells the
outcome is there. Rounds on both databases take turns.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.payments import SIMULATED, fill_store
from hakika.engine.vault import make_key
from tests.postgres import running_postgres

PAYMENTS_A_SECOND = 200
SECONDS = 8
ROUNDS = 5  # a disk that stalls once, or a slow minute of the machine, spoils one
OPEN_AT_ONCE = 10_000
BURST_CONNECTIONS = 64
KEY = "hk_test_bench"
IDLE_SHARE = 0.05  # of a core: below it, all that was asked for is done
LONGEST_S = 60

MPESA = {f"MPESA_{name.upper()}": value for name, value in SIMULATED.items()}


def measure_live() -> dict[str, Any]:
    """Measure. → times in ms, and memory in kB."""
    found: dict[str, Any] = {"payments_a_second": PAYMENTS_A_SECOND}
    rounds: dict[str, list[dict[str, Any]]] = {"sqlite": [], "postgresql_two_nodes": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="hakika-bench-") as folder:
            rounds["sqlite"].append(_measure_latency(f"sqlite:///{folder}/latency.db", Path(folder), nodes=1))
        with running_postgres({}) as postgres, tempfile.TemporaryDirectory(prefix="hakika-bench-") as folder:
            url = postgres.url(postgres.create_database())
            rounds["postgresql_two_nodes"].append(_measure_latency(url, Path(folder), nodes=2))
    found |= {name: _summarise(measured) for name, measured in rounds.items()}
    with tempfile.TemporaryDirectory(prefix="hakika-bench-") as folder:
        found["open_at_once"] = _measure_crowd(f"sqlite:///{folder}/crowd.db", Path(folder))
    return found


def _measure_latency(url: str, folder: Path, nodes: int) -> dict[str, Any]:
    """Callbacks come to the first node, whoever waits does so at the last."""
    with ExitStack() as stack:
        payers = stack.enter_context(_talking_to("bench.payers"))
        daraja = payers.ask({"key": KEY})["daraja"]
        settings = {"DATABASE_URL": url, "MPESA_BASE_URL": f"http://127.0.0.1:{daraja}"}
        servers = [stack.enter_context(_serving(folder / str(node), settings)) for node in range(nodes)]
        count = PAYMENTS_A_SECOND * SECONDS
        told = {"asked_at": servers[0].port, "waited_at": servers[-1].port, "rate": PAYMENTS_A_SECOND, "count": count}
        spent_s = servers[0].cpu_seconds()
        took = payers.ask(told)
        spent_s = servers[0].cpu_seconds() - spent_s
    assert len(took["webhook"]) == count, "payments are missing"
    return {
        **{f"callback_to_{name}": _spread(times) for name, times in took.items()},
        "server_cpu_ms_a_payment": round(spent_s / count * 1000, 2),
    }


def _measure_crowd(url: str, folder: Path) -> dict[str, Any]:
    prompted = fill_store(url, OPEN_AT_ONCE, folder / "secret.key", fresh=False)
    payments = [[one.payment, one.token, one.checkout_request_id, one.receipt] for one in prompted]
    with _serving(folder, {"DATABASE_URL": url}) as server, _talking_to("bench.crowd") as crowd:
        server.rest()
        before_kb, began = server.memory_kb(), time.monotonic()
        told = {"port": server.port, "key": KEY, "payments": payments, "connections": BURST_CONNECTIONS}
        assert crowd.ask(told) == "open"
        server.rest()
        opened_s, open_kb = time.monotonic() - began, server.memory_kb()
        took = crowd.ask("end them")
    return {
        "open": len(took["took_ms"]),
        "kb_each": round((open_kb - before_kb) / OPEN_AT_ONCE, 1),
        "opened_in_s": round(opened_s, 1),
        "ended_in_s": round(took["burst_s"], 2),
        "callback_to_answer": _spread(took["took_ms"]),
    }


def _summarise(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians of the rounds' figures, and every round's p99: machines have quick and slow minutes."""
    summary: dict[str, Any] = {}
    for name, first in rounds[0].items():
        if not isinstance(first, dict):
            summary[name] = round(statistics.median(one[name] for one in rounds), 2)
            continue
        summary[name] = {part: round(statistics.median(one[name][part] for one in rounds), 1) for part in first}
        summary[name]["p99_ms_of_rounds"] = [one[name]["p99_ms"] for one in rounds]
    return summary


def _spread(times_ms: Sequence[float]) -> dict[str, float]:
    return {
        "p50_ms": round(statistics.median(times_ms), 1),
        "p99_ms": round(statistics.quantiles(times_ms, n=100)[98], 1),
        "max_ms": round(max(times_ms), 1),
    }


class _Server:
    """A running server."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid, self.port = pid, port

    def cpu_seconds(self) -> float:
        """How long it has computed."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_kb(self) -> int:
        """What it holds in memory."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

    def rest(self) -> None:
        """Wait until it has nothing more to do."""
        deadline, share = time.monotonic() + LONGEST_S, 1.0
        while share > IDLE_SHARE and time.monotonic() < deadline:
            spent_s, at = self.cpu_seconds(), time.monotonic()
            time.sleep(0.5)
            share = (self.cpu_seconds() - spent_s) / (time.monotonic() - at)


@contextmanager
def _serving(folder: Path, settings: dict[str, str]) -> Iterator[_Server]:
    """Run `hakika serve` on a free port."""
    folder.mkdir(exist_ok=True)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HAKIKA_", "MPESA_"))},
        **MPESA,
        "HAKIKA_DATA_DIR": str(folder),
        "HAKIKA_API_KEY": KEY,
        "HAKIKA_CALLS_PER_MINUTE": str(PAYMENTS_A_SECOND * 60 * 4),
        **({} if (folder / "secret.key").exists() else {"HAKIKA_SECRET_KEY": _SECRET_KEY}),
        **settings,
    }
    command = [sys.executable, "-m", "hakika.cli", "serve", "--port", "0", "--log-format", "json", "--json"]
    with (folder / "log").open("wb") as written:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=written)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "log").read_text()
        yield _Server(process.pid, int(json.loads(line)["url"].rpartition(":")[2]))
    finally:
        process.terminate()
        process.communicate(timeout=LONGEST_S)


class _Talk:
    """A process that answers a line with a line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, document: Any) -> Any:
        """Say something. → what it says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "it ended"
        return json.loads(line)


@contextmanager
def _talking_to(module: str) -> Iterator[_Talk]:
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    try:
        yield _Talk(process)
    finally:
        process.kill()
        process.communicate()


_SECRET_KEY = make_key()  # of all nodes
