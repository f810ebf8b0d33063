"""Run a program against the demo, which `make demo` runs in another terminal.

The program is told what any program must be told of a server:

    HAKIKA_SERVER, HAKIKA_API_KEY   where it is, and a key of its own
    HAKIKA_WEBHOOK_SECRET           that of a webhook endpoint at URL, which is gone when the program is; - for none
    HAKIKA_DATA_DIR                 a folder that is emptied together with the demo's payments, unless you set it

python examples/on_demo.py URL COMMAND…

Another server than the demo: set HAKIKA_SERVER and HAKIKA_API_KEY yourself. Test mode only.
"""

import contextlib
import os
import signal
import subprocess
import sys

from hakika.cli.connection import data_dir_for, find_server
from hakika.cli.voice import Failure
from hakika.config import read_settings


def main(url: str, *command: str) -> int:
    """Run the command until it ends. → its exit code."""
    settings = read_settings()
    remote = find_server(settings, "")
    if remote is None:
        print("Nothing runs here. Start the demo first, in another terminal: make demo", file=sys.stderr)
        return 1
    key = settings.api_key if settings.server else ""
    made = None if key else remote.create_key("example", "test")
    new = {"url": url, "mode": "test", "description": "An example"}
    endpoint = remote.call("POST", "/v1/endpoints", new) if url != "-" else {"id": "", "secret": ""}
    try:
        told = {
            "HAKIKA_SERVER": remote.url,
            "HAKIKA_API_KEY": made["key"] if made else key,
            "HAKIKA_WEBHOOK_SECRET": endpoint["secret"],
            "HAKIKA_DATA_DIR": str(data_dir_for(settings, remote.url)),
        }
        return _run(told, command)
    finally:
        with contextlib.suppress(Failure):  # the demo may have ended first
            if endpoint["id"]:
                remote.call("DELETE", f"/v1/endpoints/{endpoint['id']}")
            if made:
                remote.revoke_key(made["id"])


def _run(told: dict[str, str], command: tuple[str, ...]) -> int:
    program = subprocess.Popen(command, env={**os.environ, **told})
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    while True:
        try:
            return program.wait()
        except KeyboardInterrupt:  # Ctrl-C went to the program, too: it ends, and then we tidy up
            continue


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Failure as failure:
        sys.exit(f"{failure.title}: {failure.detail} {failure.cure}")
