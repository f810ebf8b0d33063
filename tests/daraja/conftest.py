"""What all tests of Daraja share."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Name asyncio, on which aiohttp runs, for tests that await."""
    return "asyncio"
