"""examples/shop as it stands there: its page built with the tools of clients/js, its backend on a loopback port."""

import importlib.util
import os
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from werkzeug.serving import make_server

from tests.clients.javascript import MODULES, PACKAGE, build_package, require_tools, run_tool
from tests.examples.world import World

SHOP = Path(__file__).parents[2] / "examples/shop"
BORROWED = ("react", "react-dom", "scheduler", "vite")


def build_front_end(folder: Path) -> Path:
    """Build the page as `npm run build` does, with hakika-client as npm would install it. → what is served."""
    require_tools()
    front_end = folder / "frontend"
    shutil.copytree(SHOP / "frontend", front_end, ignore=shutil.ignore_patterns("node_modules", "dist"))
    client = front_end / "node_modules/hakika-client"
    client.mkdir(parents=True)
    shutil.copy(PACKAGE / "package.json", client)
    build_package(client / "dist")
    for name in BORROWED:
        (front_end / "node_modules" / name).symlink_to(MODULES / name)
    run_tool("node", MODULES / "vite/bin/vite.js", "build", front_end, "--logLevel=warn")
    return front_end / "dist"


def load(file: Path, name: str, **environment: str) -> ModuleType:
    """Run a file of an example's, with that in its environment. → its module."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # FastAPI looks its annotations up there
    with mock.patch.dict(os.environ, environment):
        spec.loader.exec_module(module)
    return module


def _closed(_: Any, start: Any) -> Iterable[bytes]:
    start("503 Service Unavailable", [])
    return []


@contextmanager
def open_shop(world: World, page: Path, folder: Path) -> Iterator[str]:
    """Serve the shop, with its webhook at Hakika, until the block ends. → its URL."""
    # Its port is needed for the secret that the shop is started with.
    server = make_server("127.0.0.1", 0, _closed, threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    endpoint = world.listen(f"{url}/webhooks/hakika")
    told = {"HAKIKA_SERVER": world.url, "HAKIKA_API_KEY": world.key, "HAKIKA_WEBHOOK_SECRET": str(endpoint.secret)}
    with mock.patch.dict(os.environ, told):
        shop = load(SHOP / "backend/app.py", "examples_shop", SHOP_DB=str(folder / "shop.db"))
        shop.app.static_folder = page
        server.app = shop.app
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield url
        world.client.endpoints.delete(endpoint)
        server.shutdown()
        thread.join()
        server.server_close()
        shop.hakika.close()
