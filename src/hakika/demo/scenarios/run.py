"""Playing the scenarios.

Those that only need a phone of their own are played at the same time; those that break what all need come after
them, one by one. Everything is bounded in time, and only what was started here is ended.
"""

import asyncio
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console

from hakika.demo.hosted import stop_on_signals
from hakika.demo.scenarios.building import CannotPlay, build_world
from hakika.demo.scenarios.result import Result, failure, judge
from hakika.demo.scenarios.scene import Scenario, Scene, World
from hakika.demo.scenarios.show import Board, write_json
from hakika.demo.scenarios.table import SCENARIOS
from hakika.demo.scenarios.verdict import verify

SPEED = 10.0
"""Fast enough for a short table, slow enough for a busy laptop: our own work takes its time at any speed."""
SCENARIO_WITHIN_S = 60
HELD, NOT_HELD, MISUSED, STOPPED = 0, 1, 2, 130


def run_scenarios(database_url: str | None, speed: float | None, only: list[str], as_json: bool) -> int:
    """Play the scenarios and print their table.

    → the exit code: 0 when all that must hold does, 1 when not, 2 when misused, 130 when stopped.
    `database_url`: an empty database that may be filled; without one, a new SQLite file is used.
    """
    known = [scenario.slug for scenario in SCENARIOS]
    unknown = sorted(set(only) - set(known))
    if unknown:
        Console(stderr=True).print(f"No such scenario: {', '.join(unknown)}. There are {', '.join(known)}.")
        return MISUSED
    chosen = [scenario for scenario in SCENARIOS if not only or scenario.slug in only]
    try:
        return asyncio.run(_run(chosen, database_url, speed or SPEED, silent=as_json))
    except (KeyboardInterrupt, asyncio.CancelledError):
        Console(stderr=True).print("Stopped before the end: nothing was judged.")
        return STOPPED


async def _run(scenarios: Sequence[Scenario], database_url: str | None, speed: float, *, silent: bool) -> int:
    stop_on_signals()
    directory, started_s = Path(mkdtemp(prefix="hakika-scenarios-")), time.monotonic()
    try:
        async with build_world(database_url, speed, directory) as world:
            with Board(scenarios, describe(world, speed), silent=silent) as board:
                results = await play(scenarios, world, board)
    except CannotPlay as error:
        Console(stderr=True).print(f"[red]{error}")
        return MISUSED
    wall_s, held = time.monotonic() - started_s, all(result.held for result in results)
    if silent:
        print(write_json(results, speed, wall_s))
    verdict = "Every row holds." if held else f"Not every row holds; the server's log is in {directory}"
    Console(stderr=silent).print(f"\n{verdict} {wall_s:.0f} s on the wall.")
    if held:
        shutil.rmtree(directory)
    return HELD if held else NOT_HELD


def describe(world: World, speed: float) -> str:
    """Say on what, and how fast."""
    database = world.database
    return f"On {database.name}. The clock runs {speed:g} times as fast. Database away: {database.how_it_goes}."


async def play(scenarios: Sequence[Scenario], world: World, board: Board) -> list[Result]:
    """Play all scenarios, then let the server's own verification judge what is in the database."""
    scenes = {one.slug: Scene(world, one.slug, _phones(number)) for number, one in enumerate(scenarios)}
    together = [one for one in scenarios if not one.alone]
    results = await asyncio.gather(*(_play(one, scenes[one.slug], board) for one in together))
    for one in scenarios:
        if one.alone:
            results.append(await _play(one, scenes[one.slug], board))
    await world.server.stop()
    results.append(await verify(world.server))
    board.end(results[-1])
    return results


async def _play(scenario: Scenario, scene: Scene, board: Board) -> Result:
    board.begin(scenario.slug)
    try:
        async with asyncio.timeout(SCENARIO_WITHIN_S):
            payment = await scenario.play(scene)
            result = await judge(scenario, scene, payment)
    except TimeoutError:
        result = failure(scenario, [*scene.broken, f"nothing came of it within {SCENARIO_WITHIN_S} s"])
    except Exception as error:  # noqa: BLE001 - one row that breaks must not take the others with it
        result = failure(scenario, [*scene.broken, f"{type(error).__name__}: {error}"])
    board.end(result)
    return result


def _phones(number: int) -> tuple[str, str]:
    """Two phones that no other scenario uses."""
    return f"254722000{number:03}", f"254733000{number:03}"
