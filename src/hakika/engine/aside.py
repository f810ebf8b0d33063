"""Blocking work beside the event loop, in threads that nobody waits for in the end: a hung one holds up no exit."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def run_aside(job: Callable[[], T]) -> T:
    """Run a blocking job in a daemon thread of its own. → its answer, or its error.

    `asyncio.to_thread` will not do: its threads are joined when the program ends, hung ones as well.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return  # whoever asked has given up
        if error is None:
            answer.set_result(result)  # type: ignore[arg-type]  # the job's own answer
        else:
            answer.set_exception(error)

    def work() -> None:
        result, error = None, None
        try:
            result = job()
        except BaseException as raised:  # noqa: BLE001 - it is handed to whoever asked
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name="hakika-aside", daemon=True).start()
    return await answer
