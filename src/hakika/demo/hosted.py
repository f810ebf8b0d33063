"""Web servers that live inside a loop of ours: several of them, and the signals stay ours."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

LOOK_AGAIN_S = 0.01


class Hosted(uvicorn.Server):
    """A web server that leaves signals to the program around it: two that both took them would lose Ctrl-C."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextlib.asynccontextmanager
async def hosting(config: uvicorn.Config, opened: socket.socket) -> AsyncIterator[None]:
    """Run a web server on an opened port for as long as the block lasts."""
    server = Hosted(config)
    task = asyncio.create_task(server.serve(sockets=[opened]))
    try:
        while not server.started:
            if task.done():
                raise RuntimeError("The web server did not start: its log says why.") from task.exception()
            await asyncio.sleep(LOOK_AGAIN_S)
        yield
    finally:
        server.should_exit = True
        await task


def stop_on_signals() -> None:
    """Let Ctrl-C and SIGTERM cancel the task that calls this."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has no such handlers: there Ctrl-C interrupts
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
