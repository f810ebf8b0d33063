"""`make bench`: measure everything, print it, and write it to bench/results.json."""

import argparse
import asyncio
import json
import logging
import os
import platform
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from bench.callbacks import CONNECTIONS, ROUND_S, ROUNDS, find_wrk, measure_callbacks
from bench.certainty import CASES, measure_certainty
from bench.live import measure_live
from bench.webhooks import measure_webhooks
from tests.postgres import running_postgres

RESULTS = Path(__file__).parent / "results.json"


def main() -> int:
    """Run the benches that were asked for. → exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", choices=["callbacks", "certainty", "live", "webhooks"], help="one of them; results.json stays"
    )
    only = parser.parse_args().only
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    results: dict[str, Any] = {"measured_on": _describe_machine()}
    if only in {None, "certainty"}:
        results["certainty"] = _measure_certainty()
    if only in {None, "webhooks"}:
        _say("webhooks to receivers that answer, and beside as many that hang (a minute)")
        results["webhooks"] = measure_webhooks()
    if only in {None, "live"}:
        _say("from a callback to whoever waits, and ten thousand who wait (a minute and a half)")
        results["live"] = measure_live()
    if only in {None, "callbacks"}:
        if find_wrk() is None:
            print("callbacks: wrk is not installed (apt-get install wrk)", file=sys.stderr)
            return 1
        results["callbacks"] = _measure_callbacks()
    print(json.dumps(results, indent=2))
    if only is None:
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def _measure_certainty() -> dict[str, Any]:
    _say("time to certainty, in virtual time (two minutes)")
    return {name: asyncio.run(measure_certainty(**case)) for name, case in CASES.items()}


def _measure_callbacks() -> dict[str, Any]:
    _say(f"durable callbacks: {ROUNDS} rounds of {ROUND_S} s a server, {CONNECTIONS} connections, SQLite")
    found: dict[str, Any] = {"sqlite": measure_callbacks("", peers=True)}
    _say("the same on PostgreSQL")
    with running_postgres({}) as postgres:  # durable, as it comes: fsync on
        url = postgres.url(postgres.create_database())
        found["postgresql"] = measure_callbacks(url, peers=False)
    ours = found["sqlite"]["hakika"]["per_second"]
    found["factor_over_peers"] = {
        name: round(ours / peer["per_second"], 1) for name, peer in found["sqlite"].items() if name.startswith("seed")
    }
    return found


def _describe_machine() -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "fsync_ms": _time_fsync(),
    }


def _time_fsync() -> float:
    path = Path(__file__).parent / ".fsync"
    took = []
    with path.open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - started) * 1000)
    path.unlink()
    return round(sorted(took)[25], 2)


def _say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
