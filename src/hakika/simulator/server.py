"""The simulator on a port of its own."""

import uvicorn

from hakika.simulator.app import create_app
from hakika.simulator.clock import Clock, receipts_from_now
from hakika.simulator.connection import CuttableProtocol
from hakika.simulator.network import Network
from hakika.simulator.settings import Settings


def build_server(
    network: Network, clock: Clock, host: str = "127.0.0.1", port: int = 8790, *, log_level: str = "warning"
) -> uvicorn.Server:
    """Make a server for a network; `await server.serve()` runs it inside another program's loop."""
    config = uvicorn.Config(
        create_app(network, clock),
        host=host,
        port=port,
        http=CuttableProtocol,
        ws="none",
        lifespan="on",
        log_level=log_level,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def serve(
    host: str = "127.0.0.1",
    port: int = 8790,
    *,
    seed: int | None = None,
    strict: bool = False,
    speed: float = 1.0,
    query_limit_per_minute: int | None = None,
    anchor_ms: int | None = None,
) -> None:
    """Run a simulator until it is interrupted. With a seed, every run gives the same, receipts and all."""
    settings = Settings(
        seed=seed or 0,
        first_receipt=receipts_from_now() if seed is None else None,
        strict=strict,
        query_limit_per_minute=query_limit_per_minute,
    )
    build_server(Network(settings), Clock(speed, anchor_ms), host, port, log_level="info").run()
