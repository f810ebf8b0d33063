"""The package as it is built, and a browser, for the tests of the JavaScript client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import open_browser
from tests.clients.javascript import build_package, build_page, require_tools
from tests.clients.merchant import Merchant


@pytest.fixture(scope="session")
def built_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package once for each pytest process. → the folder."""
    require_tools()
    folder = tmp_path_factory.mktemp("hakika-client")
    assert build_package(folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for each file: while it runs, no test with an event loop can, and those are in other files."""
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def script(built_package: Path) -> bytes:
    """The merchant's page, built on the package."""
    file = built_package / "page" / "shop.js"
    build_page(built_package, file)
    return file.read_bytes()


@pytest.fixture
def merchant(script: bytes) -> Iterator[Merchant]:
    """A merchant's site with the page on it."""
    with Merchant(script) as open_shop:
        yield open_shop
