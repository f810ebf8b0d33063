"""Where a command works: at the running server where one answers, else on the store."""

from typing import TYPE_CHECKING, TypeAlias, Union

from hakika.cli.voice import Failure

if TYPE_CHECKING:
    from hakika.cli.connection import Remote
    from hakika.cli.direct import Direct
    from hakika.config import Settings

Place: TypeAlias = Union["Remote", "Direct"]


def reach(server: str) -> Place:
    """The running server, or the store."""
    from hakika.cli.connection import find_server
    from hakika.config import parse_settings

    settings = parse_settings()
    remote = find_server(settings, server)
    if remote is not None:
        return remote
    return _direct(settings)


def reach_server(server: str) -> "Remote":
    """The running server. Raises Failure where there is none."""
    from hakika.cli.connection import find_server
    from hakika.config import parse_settings

    remote = find_server(parse_settings(), server)
    if remote is None:
        raise Failure(
            "No server runs here",
            "That needs a running server, which follows what was begun to its end.",
            money="None moved: nothing was sent.",
            cure="Start one with `hakika serve` (or `hakika demo`), or name one with --server URL.",
            code="no_server",
        )
    return remote


def _direct(settings: "Settings") -> "Direct":
    from hakika.cli.direct import Direct

    return Direct(settings)
