"""Why there is no access token. Either way the push or query that needed one was not sent.

Unavailable
└── TokenUnavailable      Daraja gave none now: an outage, too many calls, an unreadable answer
    └── WrongKeyOrSecret  it never will with this consumer key and secret
"""

from typing import ClassVar

from hakika.domain.errors import Unavailable


class TokenUnavailable(Unavailable):
    """Daraja gave no access token: it is asked again by itself; look at Daraja's status if it stays so."""

    code = "no_token"
    title = "Daraja gave no access token"
    cure = "Nothing: it is tried again by itself. If it stays so, check the network and Daraja's status page."
    resend: ClassVar[bool] = True

    def __init__(self, detail: str = "", *, pressure: bool = False, retry_after_s: int = 0) -> None:
        """`pressure`: Daraja said that we call too often."""
        super().__init__(detail)
        self.pressure = pressure
        self.retry_after_s = retry_after_s


class WrongKeyOrSecret(TokenUnavailable):
    """The consumer key or secret is wrong, or of the other environment: copy both again from the portal."""

    code = "wrong_key_or_secret"
    title = "Daraja refuses this consumer key and secret"
    cure = "Copy consumer key and secret again from the app on the Daraja portal, for the same environment."
    resend = False
