"""What became of a message that was handed to its channel."""

from typing import Literal, NamedTuple

Outcome = Literal["sent", "failed", "unsent", "unknown"]


class Fate(NamedTuple):
    """`sent`: the channel took it. `failed`: it refused it. `unsent`: it surely never left us, and may be tried again.

    `unknown`: it may have been taken; it is not sent again. `reference` is the channel's own id of the message.
    """

    outcome: Outcome
    detail: str = ""
    reference: str = ""
    cost: str = ""
