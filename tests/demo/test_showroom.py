"""`hakika demo`: it starts with nothing, listens to no settings, and stops cleanly."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from hakika.demo.surroundings import LOOPBACK, listen, port_of
from tests.demo.running import SOURCE, elapsed_s, fetch, running_demo

REAL_SETTINGS = {
    "MPESA_ENVIRONMENT": "production",
    "MPESA_CONSUMER_KEY": "real",
    "DATABASE_URL": "sqlite:///real.db",
    "HAKIKA_DATA_DIR": "real",
    "HTTP_PROXY": "http://127.0.0.1:9",
}
LONGEST_START_S = 10  # three seconds on a machine that does nothing else; tests share theirs


def test_the_demo_starts_quickly_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    """From the command to the shop takes seconds; Ctrl-C ends it with exit code 0 and no traceback."""
    started = time.monotonic()
    with running_demo(tmp_path) as demo:
        assert "Hakika Demo Shop" in fetch(f"{demo.url}/shop")
        assert elapsed_s(started) < LONGEST_START_S
        code, printed = demo.stop()
    assert code == 0
    assert printed.rstrip().endswith("Stopped.")
    assert "Traceback" not in printed


def test_the_curl_line_that_it_prints_asks_a_phone_for_money(tmp_path: Path) -> None:
    """What the newcomer copies works: address, key and body are right."""
    with running_demo(tmp_path) as demo:
        line = next(line for line in demo.printed.splitlines() if line.startswith("curl "))
        words = shlex.split(line)
        headers = dict(re.split(": ?", words[at + 1], maxsplit=1) for at, word in enumerate(words) if word == "-H")
        body = words[words.index("-d") + 1].encode()
        address = words[1].replace("localhost", LOOPBACK)
        payment = json.loads(fetch(address, body, Authorization=headers["Authorization"]))
        assert payment["status"] == "pending"
        assert payment["mode"] == "test"


def test_the_demo_touches_nothing_that_is_real(tmp_path: Path) -> None:
    """Settings of the environment, of `.env` and of `hakika.toml` are not heard: no account, no database, no proxy."""
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///real.db\n")
    (tmp_path / "hakika.toml").write_text('database_url = "sqlite:///real.db"\n')
    with running_demo(tmp_path, **REAL_SETTINGS) as demo:
        assert json.loads(fetch(f"{demo.url}/health"))["status"] == "ok"
        assert demo.stop()[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", ".hakika", "hakika.toml"]


def test_a_port_that_is_taken_is_named_with_the_way_out(tmp_path: Path) -> None:
    """Somebody else's port: exit code 1, which port it is, and how to choose another."""
    with listen(LOOPBACK, 0) as taken:
        taken.listen()
        port = port_of(taken)
        ended = subprocess.run(
            [sys.executable, "-m", "hakika.cli", "demo", "--port", str(port)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    said = " ".join((ended.stdout + ended.stderr).split())
    assert ended.returncode == 1
    assert f"Port {port} " in said
    assert "make demo PORT=" in said
