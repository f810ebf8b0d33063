"""Durable callbacks a second: ours beside a route that does nothing and beside two plain handlers.

Every 200 is answered only after evidence, state, event and one delivery are committed. One server process each,
the load generator (wrk, 64 connections) on the same machine, rounds interleaved, medians of the ratios.
"""

import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from bench.payments import Prompted, fill_store
from hakika.store.opening import driver_url

HERE = Path(__file__).parent
ROUNDS = 3
ROUND_S = 4
CONNECTIONS = 64
THREADS = 1
PORT = 8811
PREPARED = 45_000  # payments a round, more than a round can take


def measure_callbacks(database_url: str, peers: bool) -> dict[str, Any]:
    """Measure on one database. → rates, ratios to the no-op route, latencies."""
    with tempfile.TemporaryDirectory(prefix="hakika-bench-") as folder:
        figures: dict[str, list[dict[str, float]]] = {}
        for number in range(ROUNDS):
            for name, server in _servers(Path(folder), database_url, number, peers).items():
                figures.setdefault(name, []).append(_measure(server, Path(folder)))
    return _summarise(figures)


class Server:
    """A server to measure: its command, its environment and the payments that its database holds."""

    def __init__(self, command: list[str], environment: dict[str, str], payments: list[Prompted], check: Any) -> None:
        self.command, self.environment, self.payments, self.check = command, environment, payments, check


def _servers(folder: Path, database_url: str, number: int, peers: bool) -> dict[str, Server]:
    url = database_url or f"sqlite:///{folder}/hakika-{number}.db"
    payments = fill_store(url, PREPARED, folder / "secret.key", fresh=bool(database_url))
    servers = {
        "noop": Server(_uvicorn("bench.peers.noop:app"), {}, payments, None),
        "hakika": Server(
            [sys.executable, "-m", "bench.server"],
            {"DATABASE_URL": url, "HAKIKA_DATA_DIR": str(folder), "BENCH_PORT": str(PORT)},
            payments,
            lambda answered: _check_hakika(url, answered),
        ),
    }
    if peers:
        retail, minimal = folder / f"retail-{number}.db", folder / f"minimal-{number}.db"
        _fill_retail(retail, payments)
        _fill_minimal(minimal)
        servers["seed 001 (FastAPI, SQLAlchemy)"] = Server(
            _uvicorn("bench.peers.retail:app"), {"BENCH_DATABASE": str(retail)}, payments, None
        )
        servers["seed 002 (Flask, sqlite3)"] = Server(
            [sys.executable, "-m", "bench.peers.minimal"],
            {"BENCH_DATABASE": str(minimal), "BENCH_PORT": str(PORT)},
            payments,
            None,
        )
    return servers


def _uvicorn(app: str) -> list[str]:
    return [sys.executable, "-m", "uvicorn", app, "--port", str(PORT), "--no-access-log", "--log-level", "warning"]


def _measure(server: Server, folder: Path) -> dict[str, float]:
    lines = folder / "callbacks.txt"
    lines.write_text("".join(f"{one.token} {one.checkout_request_id} {one.receipt}\n" for one in server.payments))
    with _running(server) as process:
        spent_s = _cpu_seconds(process.pid)
        command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{ROUND_S}s", "--latency", "-s"]
        command += [str(HERE / "callbacks.lua"), f"http://127.0.0.1:{PORT}", "--", str(lines), str(THREADS)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
        spent_s = _cpu_seconds(process.pid) - spent_s
    numbers = next(line for line in printed.splitlines() if line.startswith("RESULT")).split()[1:]
    requests, duration_us, p50_us, p99_us, failures = map(int, numbers)
    if server.check:
        assert not failures, f"{failures} requests failed"
        assert requests < len(server.payments), "more payments must be prepared"
        server.check(requests)
    return {
        "rate": requests / duration_us * 1e6,
        "cpu_us": spent_s / requests * 1e6,
        "failures": failures,
        "p50_ms": p50_us / 1000,
        "p99_ms": p99_us / 1000,
    }


@contextmanager
def _running(server: Server) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, **server.environment}
    process = subprocess.Popen(
        server.command,
        env=environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not _answers():
            assert process.poll() is None, f"{server.command} ended"
            assert time.monotonic() < deadline, f"{server.command} does not answer"
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _answers() -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=1)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _check_hakika(url: str, answered: int) -> None:
    """Every 200 has its evidence, its state, its event and its delivery: wrk may have cut off the last 64."""
    with create_engine(driver_url(url)).connect() as connection:
        for counted in (
            "SELECT count(*) FROM evidence WHERE source = 'callback'",
            "SELECT count(*) FROM payments WHERE status = 'completed' AND receipt <> ''",
            "SELECT count(*) FROM events WHERE type = 'payment.completed'",
            "SELECT count(*) FROM deliveries JOIN events ON number = event WHERE type = 'payment.completed'",
        ):
            found = connection.execute(text(counted)).scalar() or 0
            assert answered <= found <= answered + CONNECTIONS, f"{counted}: {found} of {answered}"


def _fill_retail(path: Path, payments: list[Prompted]) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE orders (id VARCHAR PRIMARY KEY, checkout_request_id VARCHAR, mpesa_transaction_id VARCHAR,"
            " payment_status VARCHAR, order_status VARCHAR)"
        )
        connection.execute("CREATE INDEX ix_orders ON orders (checkout_request_id)")
        rows = [(f"o{place}", one.checkout_request_id) for place, one in enumerate(payments)]
        connection.executemany("INSERT INTO orders VALUES (?, ?, NULL, 'pending', 'processing')", rows)


def _fill_minimal(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE transactions (id INTEGER PRIMARY KEY, checkout_request_id TEXT UNIQUE,"
            " merchant_request_id TEXT, phone_number TEXT, amount REAL, mpesa_receipt TEXT, transaction_date TEXT,"
            " status TEXT, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)"
        )


def _summarise(figures: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    floor = figures["noop"]
    return {
        name: {
            "per_second": round(statistics.median(one["rate"] for one in rounds)),
            "ratio_to_noop": round(
                statistics.median(one["rate"] / base["rate"] for one, base in zip(rounds, floor, strict=True)), 3
            ),
            "server_cpu_us_each": round(statistics.median(one["cpu_us"] for one in rounds), 1),
            "failures": sum(round(one["failures"]) for one in rounds),
            "p50_ms": round(statistics.median(one["p50_ms"] for one in rounds), 1),
            "p99_ms": round(statistics.median(one["p99_ms"] for one in rounds), 1),
        }
        for name, rounds in figures.items()
    }


def find_wrk() -> str | None:
    """Where wrk is, or None."""
    return shutil.which("wrk")
