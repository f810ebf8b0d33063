"""The API's errors, one class for each code. Written by docs/generate.py from the server's own tree."""

from hakika.client.errors import HakikaError

__all__ = [
    "AccountExists",
    "AlreadyEnded",
    "AlreadyRegistered",
    "BudgetSpent",
    "CallerError",
    "CannotCancel",
    "CannotQuery",
    "CannotResolve",
    "ChannelExists",
    "CheckoutBusy",
    "CheckoutEnded",
    "ClientSecretRefused",
    "Conflict",
    "IdempotencyKeyInFlight",
    "IdempotencyKeyReused",
    "InvalidAmount",
    "InvalidCursor",
    "InvalidPhone",
    "InvalidRequest",
    "InvariantBroken",
    "LinkUsed",
    "MethodNotAllowed",
    "NotAuthenticated",
    "NotFound",
    "NotLocal",
    "PayerBusy",
    "PromptRefused",
    "ReferenceInUse",
    "RepeatedTooSoon",
    "RequestTooLarge",
    "SettingError",
    "StoreUnavailable",
    "TooManyRequests",
    "Unavailable",
    "UnknownNonce",
]


class CallerError(HakikaError):
    """The request cannot be done as it stands. Nothing was stored and nothing was sent."""


class InvalidRequest(CallerError):
    """A field of the request is missing or wrong: correct the field that `detail` names and send again."""

    code = "invalid_request"
    usual_status = 422


class InvalidPhone(InvalidRequest):
    """The phone is not a Kenyan mobile number: send 07…, 01…, 254… or +254… with nine digits after it."""

    code = "invalid_phone"
    usual_status = 422


class InvalidAmount(InvalidRequest):
    """The amount is not a whole number of shillings within M-Pesa's limits: 1 to 250,000."""

    code = "invalid_amount"
    usual_status = 422


class RequestTooLarge(InvalidRequest):
    """The request's body is larger than 64 KiB: nothing that this API takes is."""

    code = "request_too_large"
    usual_status = 413


class NotAuthenticated(CallerError):
    """No API key came with the request, or one that we do not know: send `Authorization: Bearer KEY`."""

    code = "not_authenticated"
    usual_status = 401


class NotLocal(NotAuthenticated):
    """Only the command line on the server's own machine may do that: run it there."""

    code = "not_local"
    usual_status = 403


class NotFound(CallerError):
    """There is nothing under that id or path: check the id and which server you ask."""

    code = "not_found"
    usual_status = 404


class MethodNotAllowed(NotFound):
    """The path exists, but not for that method: see `Allow` in the answer."""

    code = "method_not_allowed"
    usual_status = 405


class UnknownNonce(NotFound):
    """That echo was not asked for by this server within the last minute: only its own doctor can ask for one."""

    code = "unknown_nonce"
    usual_status = 404


class Conflict(CallerError):
    """The request collides with something that exists."""

    code = "conflict"
    usual_status = 409


class ReferenceInUse(Conflict):
    """The reference is already charged, or being charged: read the payment named in `payment`."""

    code = "reference_in_use"
    usual_status = 409


class PayerBusy(Conflict):
    """A prompt is open on that phone: wait `retry_after` seconds, or for that payment to end."""

    code = "payer_busy"
    usual_status = 409


class RepeatedTooSoon(Conflict):
    """M-Pesa refuses the same amount from the same phone within two minutes: wait `retry_after` seconds."""

    code = "repeated_too_soon"
    usual_status = 409


class IdempotencyKeyReused(Conflict):
    """The Idempotency-Key came before with another body: use a new key for a new request."""

    code = "idempotency_key_reused"
    usual_status = 409


class IdempotencyKeyInFlight(Conflict):
    """The first request with this key is still being answered: repeat it in a second."""

    code = "idempotency_key_in_flight"
    usual_status = 409


class CannotCancel(Conflict):
    """The prompt may be on the phone already and M-Pesa has no recall: wait for the outcome."""

    code = "cannot_cancel"
    usual_status = 409


class AlreadyEnded(Conflict):
    """The payment has ended: read it, its status says how."""

    code = "already_ended"
    usual_status = 409


class CannotQuery(Conflict):
    """There is no CheckoutRequestID to ask Daraja about."""

    code = "cannot_query"
    usual_status = 409


class CannotResolve(Conflict):
    """The operator's word does not fit the payment's state."""

    code = "cannot_resolve"
    usual_status = 409


class AlreadyRegistered(Conflict):
    """That CheckoutRequestID is followed already, as the payment named in `payment`."""

    code = "already_registered"
    usual_status = 409


class CheckoutEnded(Conflict):
    """The checkout is completed, expired or cancelled: `checkout_status` says which."""

    code = "checkout_ended"
    usual_status = 409


class CheckoutBusy(Conflict):
    """An attempt of this checkout is alive, or its money is in question: wait for the payment in `payment`."""

    code = "checkout_busy"
    usual_status = 409


class LinkUsed(Conflict):
    """The payment link is switched off, or could be used once and was paid."""

    code = "link_used"
    usual_status = 409


class AccountExists(Conflict):
    """An account with that name exists: choose another name or change that one."""

    code = "account_exists"
    usual_status = 409


class ChannelExists(Conflict):
    """The account has a message channel of that kind, and no payer is told twice: change that one, or delete it."""

    code = "channel_exists"
    usual_status = 409


class TooManyRequests(CallerError):
    """Too many tries from one place or for one phone: wait the seconds in `retry_after`."""

    code = "too_many_requests"
    usual_status = 429


class InvalidCursor(CallerError):
    """The cursor names no place in this server's log of events: it is of another database, or of the future."""

    code = "invalid_cursor"
    usual_status = 400


class ClientSecretRefused(CallerError):
    """A client_secret reads, waits for and streams its own payment, until a day after it ended; nothing else."""

    code = "client_secret_refused"
    usual_status = 403


class Unavailable(HakikaError):
    """A part that we need does not answer now. Nothing that was promised is lost."""

    code = "unavailable"
    usual_status = 503


class StoreUnavailable(Unavailable):
    """The database does not answer."""

    code = "store_unavailable"
    usual_status = 503


class BudgetSpent(Unavailable):
    """The account's budget of Daraja calls is used up for the moment."""

    code = "budget_spent"
    usual_status = 429


class SettingError(HakikaError):
    """The server refuses to start: names the setting, the rule that it breaks and the cure."""

    code = "setting"
    usual_status = 500


class InvariantBroken(HakikaError):
    """Something that must hold does not. The payment is frozen and a person is called."""

    code = "invariant_broken"
    usual_status = 500


class PromptRefused(HakikaError):
    """Daraja refused the prompt, or it could not be sent: the phone did not ring and the payment has ended."""

    code = "prompt_refused"
    usual_status = 502


BY_CODE: dict[str, type[HakikaError]] = {
    "account_exists": AccountExists,
    "already_ended": AlreadyEnded,
    "already_registered": AlreadyRegistered,
    "budget_spent": BudgetSpent,
    "cannot_cancel": CannotCancel,
    "cannot_query": CannotQuery,
    "cannot_resolve": CannotResolve,
    "channel_exists": ChannelExists,
    "checkout_busy": CheckoutBusy,
    "checkout_ended": CheckoutEnded,
    "client_secret_refused": ClientSecretRefused,
    "conflict": Conflict,
    "idempotency_key_in_flight": IdempotencyKeyInFlight,
    "idempotency_key_reused": IdempotencyKeyReused,
    "invalid_amount": InvalidAmount,
    "invalid_cursor": InvalidCursor,
    "invalid_phone": InvalidPhone,
    "invalid_request": InvalidRequest,
    "invariant_broken": InvariantBroken,
    "link_used": LinkUsed,
    "method_not_allowed": MethodNotAllowed,
    "not_authenticated": NotAuthenticated,
    "not_found": NotFound,
    "not_local": NotLocal,
    "payer_busy": PayerBusy,
    "prompt_refused": PromptRefused,
    "reference_in_use": ReferenceInUse,
    "repeated_too_soon": RepeatedTooSoon,
    "request_too_large": RequestTooLarge,
    "setting": SettingError,
    "store_unavailable": StoreUnavailable,
    "too_many_requests": TooManyRequests,
    "unavailable": Unavailable,
    "unknown_nonce": UnknownNonce,
}
