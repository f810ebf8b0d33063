"""Every error that a person or a program can meet, in one tree.

    HakikaError
    ├── CallerError           the caller's request cannot be done as it stands; nothing happened
    │   ├── InvalidRequest    422  a field is wrong
    │   ├── NotAuthenticated  401  no key, or an unknown one
    │   ├── NotFound          404
    │   ├── TooManyRequests   429
    │   └── Conflict          409  it collides with something that exists
    ├── Unavailable           503  a part of ours or Daraja does not answer now
    ├── SettingError               the server refuses to start: a setting breaks a rule
    └── InvariantBroken            something that must hold does not: that payment is frozen

Each class says what happened (`detail`), what it means for the money (`money`) and what to do (`cure`).
The `code` is stable and the same in API, CLI and docs.
"""

from typing import ClassVar


class HakikaError(Exception):
    """The base of all errors of ours."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    title: ClassVar[str] = "Something broke inside Hakika"
    money: ClassVar[str] = "Unknown from this answer alone: read the payment before you do anything else."
    cure: ClassVar[str] = "Read the payment by its id or reference; if it repeats, look at the server's log."

    def __init__(self, detail: str = "", **extra: object) -> None:
        """`detail` is the sentence for this occasion; `extra` goes into the problem document as it is."""
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra


class CallerError(HakikaError):
    """The request cannot be done as it stands. Nothing was stored and nothing was sent."""

    http_status = 400
    money = "None moved: nothing was sent to the phone."


class InvalidRequest(CallerError):
    """A field of the request is missing or wrong: correct the field that `detail` names and send again."""

    code = "invalid_request"
    http_status = 422
    title = "The request is not valid"
    cure = "Correct the field that is named and send the request again."


class InvalidPhone(InvalidRequest):
    """The phone is not a Kenyan mobile number: send 07…, 01…, 254… or +254… with nine digits after it."""

    code = "invalid_phone"
    title = "Not a Kenyan mobile number"
    cure = "Send it as 0712345678, 0112345678, 254712345678 or +254 712 345 678."


class InvalidAmount(InvalidRequest):
    """The amount is not a whole number of shillings within M-Pesa's limits: 1 to 250,000."""

    code = "invalid_amount"
    title = "Not an amount that M-Pesa takes"
    cure = "Send whole shillings, from 1 to 250000."


class NotAuthenticated(CallerError):
    """No API key came with the request, or one that we do not know: send `Authorization: Bearer KEY`."""

    code = "not_authenticated"
    http_status = 401
    title = "No valid API key"
    cure = "Send `Authorization: Bearer KEY`; make a key with `hakika keys create`."


class NotFound(CallerError):
    """There is nothing under that id or path: check the id and which server you ask."""

    code = "not_found"
    http_status = 404
    title = "Nothing under that name"
    money = "This answer says nothing about money."
    cure = "Check the id, and that you ask the right server and database."


class Conflict(CallerError):
    """The request collides with something that exists."""

    code = "conflict"
    http_status = 409
    title = "It collides with something that exists"
    cure = "Read what is named and decide from that."


class ReferenceInUse(Conflict):
    """The reference is already charged, or being charged: read the payment named in `payment`."""

    code = "reference_in_use"
    title = "This reference is already being charged, or paid"
    money = "None moved by this request. The payment that is named may hold the money already."
    cure = "Read the payment that is named. For a second charge on purpose send `allow_repeat: true`."


class PayerBusy(Conflict):
    """A prompt is open on that phone: wait `retry_after` seconds, or for that payment to end."""

    code = "payer_busy"
    title = "A prompt is already open on this phone"
    cure = "Wait the seconds in `retry_after`, or until the payment that is named has ended."


class RepeatedTooSoon(Conflict):
    """M-Pesa refuses the same amount from the same phone within two minutes: wait `retry_after` seconds."""

    code = "repeated_too_soon"
    title = "The same amount was asked of this phone within two minutes"
    cure = "Wait the seconds in `retry_after`: M-Pesa would refuse it (code 17)."


class IdempotencyKeyReused(Conflict):
    """The Idempotency-Key came before with another body: use a new key for a new request."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used with another request"
    cure = "Use a new key for each new request; the same key only to repeat the same one."


class IdempotencyKeyInFlight(Conflict):
    """The first request with this key is still being answered: repeat it in a second."""

    code = "idempotency_key_in_flight"
    title = "The first request with this Idempotency-Key is still under way"
    money = "Unknown yet: the first request decides it."
    cure = "Repeat the same request with the same key in a second."


class CannotCancel(Conflict):
    """The prompt may be on the phone already and M-Pesa has no recall: wait for the outcome."""

    code = "cannot_cancel"
    title = "Too late to call it off"
    money = "May still move: the payer decides on the phone."
    cure = "Wait for the outcome; the prompt ends by itself in about a minute."


class AlreadyEnded(Conflict):
    """The payment has ended: read it, its status says how."""

    code = "already_ended"
    title = "The payment has ended already"
    money = "As the payment's status says; this request changed nothing."
    cure = "Read the payment."


class CannotQuery(Conflict):
    """There is no CheckoutRequestID to ask Daraja about."""

    code = "cannot_query"
    title = "There is nothing to ask Daraja about yet"
    money = "Unknown where the push's answer was lost; else none has moved."
    cure = "Wait: the callback or a paybill confirmation can still settle it, and a person can resolve it."


class CannotResolve(Conflict):
    """The operator's word does not fit the payment's state."""

    code = "cannot_resolve"
    title = "That resolution does not fit this payment"
    money = "Unchanged by this request."
    cure = "Read the payment's timeline, then send an outcome that its state allows."


class AlreadyRegistered(Conflict):
    """That CheckoutRequestID is followed already, as the payment named in `payment`."""

    code = "already_registered"
    title = "This push is followed already"
    money = "Unchanged by this request: read the payment that is named."
    cure = "Use the payment that is named."


class CheckoutEnded(Conflict):
    """The checkout is completed, expired or cancelled: `checkout_status` says which."""

    code = "checkout_ended"
    title = "This checkout has ended"
    money = "As its status says; nobody was asked by this request."
    cure = "Read the checkout. For another purchase make another checkout."


class CheckoutBusy(Conflict):
    """An attempt of this checkout is alive, or its money is in question: wait for the payment in `payment`."""

    code = "checkout_busy"
    title = "An attempt to pay is still under way"
    money = "May still move by the attempt that is named; nothing was sent by this request."
    cure = "Wait for the payment that is named to end."


class LinkUsed(Conflict):
    """The payment link is switched off, or could be used once and was paid."""

    code = "link_used"
    title = "This payment link cannot be used"
    cure = "Ask the merchant for a new link."


class TooManyRequests(CallerError):
    """Too many tries from one place or for one phone: wait the seconds in `retry_after`."""

    code = "too_many_requests"
    http_status = 429
    title = "Too many tries"
    cure = "Wait the seconds in `retry_after`, then try again."


class AccountExists(Conflict):
    """An account with that name exists: choose another name or change that one."""

    code = "account_exists"
    title = "An account with this name exists"
    cure = "Choose another name, or change the account that exists."


class ChannelExists(Conflict):
    """The account has a message channel of that kind, and no payer is told twice: change that one, or delete it."""

    code = "channel_exists"
    title = "The account has a channel of this kind"
    cure = "Change or delete the channel that exists: `hakika messages channels` lists it."


class Unavailable(HakikaError):
    """A part that we need does not answer now. Nothing that was promised is lost."""

    code = "unavailable"
    http_status = 503
    title = "Not available right now"
    money = "None moved by this request."
    cure = "Send the same request again in a few seconds, with the same Idempotency-Key."


class StoreUnavailable(Unavailable):
    """The database does not answer."""

    code = "store_unavailable"
    title = "The database does not answer"
    money = "None moved so far. If the request asks for money, it may have been stored all the same, and then goes on."


class BudgetSpent(Unavailable):
    """The account's budget of Daraja calls is used up for the moment."""

    code = "budget_spent"
    http_status = 429
    title = "Daraja may not be asked this often"
    cure = "Wait the seconds in `retry_after`; the payment is queried by itself anyway."


class SettingError(HakikaError):
    """The server refuses to start: names the setting, the rule that it breaks and the cure."""

    code = "setting"
    title = "A setting breaks a rule"
    money = "None moved: nothing was started."
    cure = "Change the setting that is named."

    def __init__(self, setting: str, rule: str, cure: str) -> None:
        """`setting` is its name in the environment."""
        super().__init__(f"{setting}: {rule} {cure}", setting=setting)
        self.setting, self.rule, self.remedy = setting, rule, cure


class InvariantBroken(HakikaError):
    """Something that must hold does not. The payment is frozen and a person is called."""

    code = "invariant_broken"
    title = "A rule that must hold was broken"
    money = "Unknown: the payment is frozen as it was, all evidence is kept."
    cure = "Run `hakika verify`, read the payment's timeline, and report it."
