"""A shopfront and a browser for each file of the pages' tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import open_browser
from tests.pages.shopfront import Shopfront


@pytest.fixture(scope="module")
def shopfront(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite_file: Path) -> Iterator[Shopfront]:
    """A server whose time stands still."""
    folder = tmp_path_factory.mktemp("shopfront")
    shutil.copyfile(migrated_sqlite_file, folder / "pages.db")
    with Shopfront(f"sqlite:///{folder / 'pages.db'}", folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for each file; each test has a profile of its own."""
    with open_browser() as opened:
        yield opened
