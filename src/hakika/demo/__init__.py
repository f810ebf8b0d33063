"""The demo: everything on one machine, with no configuration and no internet.

`run_demo`       a shop, a phone on the screen and the server between them, for people
`run_scenarios`  all that goes wrong between a shop and M-Pesa, played without hands and checked
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hakika.demo.scenarios.run import run_scenarios
    from hakika.demo.showroom import run_demo

__all__ = ["run_demo", "run_scenarios"]

LATER = {"run_demo": "hakika.demo.showroom", "run_scenarios": "hakika.demo.scenarios.run"}


def __getattr__(name: str) -> Any:
    """Import only the half that is asked for: people wait for it."""
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(LATER[name]), name)
