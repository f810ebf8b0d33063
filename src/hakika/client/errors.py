"""The base of every error of the client, and those that are the client's own.

The API's errors are in `codes`, one class for each code, in the same tree as the server's own:

    HakikaError
    ├── CallerError, Unavailable, …   what the API answered (codes.py)
    ├── NoAnswer                      no answer came: the request may have been carried out
    ├── NotHakika                     what answered is no Hakika server
    └── WebhookVerificationError      that webhook is not ours, or too old
"""

from typing import Any, ClassVar


class HakikaError(Exception):
    """Something went wrong: `detail` says what, `money` what it means for the money, `cure` what to do.

    `http_status` is 0 where no answer came. `retry_after` is in seconds, where waiting helps. `payment` is the id of
    the payment that is named, if any. `repeated`: an earlier try of the same call may have been carried out.
    `problem` is the whole problem document.
    """

    code: str = "internal"
    usual_status: ClassVar[int] = 0
    money: str = "Unknown from this answer alone: read the payment before you do anything else."
    cure: str = "Read the payment by its id or reference."

    def __init__(
        self, detail: str = "", *, http_status: int = 0, problem: dict[str, Any] | None = None, repeated: bool = False
    ) -> None:
        self.problem: dict[str, Any] = problem or {}
        self.detail = detail or str(self.problem.get("title", "")) or type(self).__name__
        self.http_status, self.repeated = http_status, repeated
        self.idempotency_key = ""
        self.retry_after = _seconds(self.problem.get("retry_after"))
        payment = self.problem.get("payment")
        self.payment = payment if isinstance(payment, str) else None
        for name in ("code", "money", "cure"):
            if isinstance(said := self.problem.get(name), str):
                setattr(self, name, said)
        super().__init__(f"{self.detail} [{self.code}] The money: {self.money} What to do: {self.cure}")


class NoAnswer(HakikaError):
    """No answer came, however often we tried. A request for money may have been carried out.

    Repeat the same call with `idempotency_key=error.idempotency_key`, or look for the payment by its reference.
    """

    code = "no_answer"
    money = "Unknown: the request may have been carried out, its answer did not reach you."
    cure = "Repeat the same call with the idempotency_key of this error, or list payments by your reference."


class NeverSent(NoAnswer):
    """The server could not be reached: nothing was sent, so nothing happened."""

    code = "never_sent"
    money = "None moved: the request never reached the server."
    cure = "Check that the server runs, and `server=` or HAKIKA_SERVER."


class NotHakika(HakikaError):
    """What answered is no Hakika server, or one that this client does not understand."""

    code = "not_hakika"
    money = "This answer says nothing about money."
    cure = "Check `server=` or HAKIKA_SERVER, and what stands between."


class WebhookVerificationError(HakikaError):
    """That webhook is not signed with this secret, or it is too old: answer 400 and do nothing."""

    code = "webhook_unverified"
    money = "This says nothing about money: do not believe what the body says."
    cure = "Check that the secret is this endpoint's, that the raw body is verified, and this machine's clock."


def _seconds(given: object) -> float | None:
    return float(given) if isinstance(given, int | float) and not isinstance(given, bool) else None
