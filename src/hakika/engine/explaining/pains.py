"""The pains of everybody who takes M-Pesa payments, each as Hakika shows it, with its cure.

`pain` is its number in the table of pains (docs/troubleshooting.md); what stands beside that table is in `causes`.
Phrases are looked for in messages, in lower case; codes are M-Pesa's, Daraja's or ours.
"""

from typing import Final, NamedTuple


class Cause(NamedTuple):
    """One reason why a payment is as it is."""

    name: str
    title: str
    shown: str  # how Hakika shows it
    why: str
    cure: str  # "": the advice of the payment's code
    money: str
    checks: tuple[str, ...] = ()  # the doctor's, the likeliest first
    pain: int = 0
    codes: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()


_CALLBACK_URL: Final = (
    "callback-url.https",
    "callback-url.address",
    "callback-url.certificate",
    "callback-url.redirect",
    "callback-url.challenge",
    "callback-url.path",
    "callback-url.reaches-us",
)

PAINS: Final = (
    Cause(
        "callback-missing",
        "The callback never comes",
        shown="`pending` for more than 75 s, or ended by a query: `confirmed_by` is `query`",
        why=(
            "The callback URL is not public, not https, redirects, has a login or a bot check in front, an incomplete "
            "certificate, or is the old address of a tunnel. And Safaricom loses some, the sandbox many."
        ),
        cure=(
            "For this payment nothing: Hakika asks Daraja by itself. For the next ones run the checks that are named, "
            "and correct CALLBACK_BASE_URL or what stands in front of the server."
        ),
        money="May have moved: silence is no failure.",
        checks=("callers.arrival", *_CALLBACK_URL, "inside.tunnel"),
        pain=1,
    ),
    Cause(
        "stuck",
        "Stuck at pending",
        shown="`pending` for more than five minutes; in the end `unresolved`, never silently failed",
        why="No callback came, and Daraja has not said how it ended, or could not be asked.",
        cure=(
            "Run `hakika query ID`. If Daraja still says nothing, look at the M-Pesa statement, and say with "
            "`hakika resolve` what it shows."
        ),
        money="May have moved: do not charge again before the statement was looked at.",
        checks=("inside.stuck", "inside.unresolved", "inside.workers", "daraja.reachable", "daraja.budget"),
        pain=2,
    ),
    Cause(
        "still-processing",
        "“Still being processed” taken for a failure",
        shown="`pending`; the timeline has queries that answered 4999 or 500.001.1001",
        why="The payer has the prompt open, or M-Pesa is not done. Daraja says so with what looks like an error.",
        cure="Wait: it is asked again by itself, and only a code of the closed list ends a payment.",
        money="May still move.",
        pain=3,
        codes=("4999",),
        phrases=("still under processing", "being processed", "transaction does not exist"),
    ),
    Cause(
        "paid-late",
        "Shown as failed, then paid",
        shown="`completed` with the flag `late` or `contradicted`",
        why="M-Pesa first said that no money moved, or said nothing for too long; the proof came after it.",
        cure="Deliver: proof wins. If you had told the payer that it failed, tell them that it has arrived.",
        money="It arrived.",
        checks=("callers.arrival",),
        pain=4,
    ),
    Cause(
        "callback-repeated",
        "Duplicate callbacks",
        shown="`copies` in the timeline; one event, one delivery",
        why="Safaricom, or a proxy between, posted the same result more than once.",
        cure="Nothing: it was counted once. Fulfil from Hakika's event, by its id, not from callbacks.",
        money="Counted once.",
        pain=5,
    ),
    Cause(
        "two-channels",
        "STK callback and paybill confirmation for the same money",
        shown="both in the timeline, one receipt; under another payment the flag `receipt_taken`",
        why="A shortcode with registered C2B URLs tells every payment twice, with one receipt.",
        cure="Nothing: a receipt belongs to one payment. If another program also counts C2B money, let it ask here.",
        money="Counted once: a receipt has one owner.",
        pain=6,
    ),
    Cause(
        "charged-twice",
        "Charged twice",
        shown="the flags `paid_twice` and `receipts_disputed`; a second request is refused with `reference_in_use`",
        why="A push has no idempotency: whoever asks again after a time-out prompts again, and the payer pays again.",
        cure=(
            "Send one of the payments back on the M-Pesa portal, then `hakika resolve ID reversed`. Ask with an "
            "Idempotency-Key, and with one reference for one purchase."
        ),
        money="More than one payment arrived: one of them is the payer's.",
        pain=7,
    ),
    Cause(
        "answer-lost",
        "The push's answer was lost",
        shown="`pending`, `unsure`; after some minutes `unresolved`",
        why="The request left and no readable answer came: the phone may ring, and Daraja gave no id to ask about.",
        cure=(
            "Do not send it again. Its callback settles it; without one look at the M-Pesa statement for phone and "
            "amount, and say with `hakika resolve` what it shows."
        ),
        money="May have moved.",
        checks=("daraja.reachable", "callback-url.reaches-us", "inside.unresolved"),
        pain=8,
    ),
    Cause(
        "access-token",
        "Invalid Access Token",
        shown="`failed`, code 404.001.03 or 401…",
        why=(
            "Daraja took a token away early, or key and secret are of the other environment. Hakika fetches a new one "
            "once by itself, so what is left is the set-up, or an outage."
        ),
        cure="See that consumer key, secret and MPESA_ENVIRONMENT belong together, then ask again.",
        money="None moved: nothing was processed.",
        checks=("daraja.credentials", "settings.host", "daraja.reachable"),
        pain=9,
        codes=("404.001.03", "400.003.01", "400.003.02", "400.008.01", "400.008.02", "401", "401.002.01"),
        phrases=("invalid access token", "expired access token", "invalid authentication"),
    ),
    Cause(
        "key-or-secret",
        "Consumer key or secret is wrong",
        shown="`failed`, code `wrong_key_or_secret`; Daraja's answer is an empty HTTP 400",
        why="Daraja answers an unknown key, or a key of the other environment, with HTTP 400 and no word.",
        cure="Copy both again from the app on the Daraja portal, without spaces; each environment has its own.",
        money="None moved: nothing was sent.",
        checks=("daraja.credentials", "settings.complete", "settings.host"),
        pain=9,
        codes=("wrong_key_or_secret",),
    ),
    Cause(
        "product-missing",
        "No apiproduct match",
        shown="`failed`, code 401.003.01",
        why="The app on the portal has no M-Pesa Express (Lipa na M-Pesa Online), or is of the other environment.",
        cure="Add the product to the app on the Daraja portal; for production have it go live for your shortcode.",
        money="None moved: nothing was processed.",
        checks=("daraja.product", "settings.host"),
        pain=10,
        codes=("401.003.01", "21"),
        phrases=("apiproduct",),
    ),
    Cause(
        "passkey",
        "Wrong credentials",
        shown="`failed`, code 500.001.1001 with the message “Wrong credentials”",
        why="The passkey is not this shortcode's: most often the sandbox's public passkey with a real shortcode.",
        cure="Set MPESA_PASSKEY to the one of the go-live mail for this shortcode; for a till, of its store number.",
        money="None moved: nothing was processed.",
        checks=("daraja.passkey", "settings.passkey", "settings.till", "daraja.clock", "settings.time-zone"),
        pain=11,
        codes=("20",),
        phrases=("wrong credentials",),
    ),
    Cause(
        "shortcode",
        "Merchant does not exist, SFC_IC0003, 2028",
        shown="`failed`, code 500.001.1001 “Merchant does not exist”, SFC_IC0003, 2002, 2028 or 2029",
        why="The till number stands where the store (head-office) number belongs, or a PayBill is asked as a till.",
        cure="Till: store number in MPESA_SHORTCODE and till number in MPESA_TILL. PayBill: leave MPESA_TILL empty.",
        money="None moved.",
        checks=("settings.till", "daraja.passkey", "settings.host"),
        pain=12,
        codes=("SFC_IC0003", "2002", "2028", "2029"),
        phrases=("merchant does not exist", "invalid businessshortcode", "invalid partyb", "invalid transactiontype"),
    ),
    Cause(
        "too-fast",
        "System is busy, spike arrest, 429",
        shown="`failed`, `not_sent`, after refusals with 429 or 500.003.02; or `unsure` after “System is busy”",
        why="More calls than this app may make, from here or from another program with the same app.",
        cure="Hakika slows down by itself. Let no other program call with this app; ask Safaricom for a higher rate.",
        money="None moved where it was refused for speed; “System is busy” alone leaves it open.",
        checks=("daraja.budget",),
        pain=13,
        codes=(
            "429",
            "26",
            "500.003.03",
            "policies.ratelimit.SpikeArrestViolation",
            "policies.ratelimit.QuotaViolation",
        ),
        phrases=("spike arrest", "system is busy", "quota violation"),
    ),
    Cause(
        "payer-locked",
        "Unable to lock subscriber, 1001, 17",
        shown="`failed`, code 1001, 17 or 500.001.1001 “Unable to lock subscriber”; before it, 409 `payer_busy`",
        why="Another M-Pesa session is open on that phone, or the same amount was asked of it within two minutes.",
        cure="See first whether an earlier payment of that phone passed. Then wait two minutes and ask again.",
        money="None moved by this one.",
        pain=14,
        codes=("1001", "17"),
        phrases=("unable to lock subscriber",),
    ),
    Cause(
        "callback-url-refused",
        "Invalid CallBackURL",
        shown="`failed`, code 400.002.02 with the message “Invalid CallBackURL”; most are refused at the start",
        why="The URL is http, local, of a tunnel that Daraja does not take, or has a banned word in it.",
        cure="Set CALLBACK_BASE_URL to a public https origin without mpesa, safaricom, exe, cmd, sql or query in it.",
        money="None moved: nothing was processed.",
        checks=("callback-url.https", "callback-url.address", "callback-url.words"),
        pain=15,
        phrases=("invalid callbackurl", "invalid callback url"),
    ),
    Cause(
        "urls-registered",
        "URLs are already registered",
        shown="an answer to registering C2B URLs, which Hakika does not need for STK payments",
        why="In production confirmation and validation URLs are registered once.",
        cure=(
            "Take it as done. To change them, delete them on the portal (Self Services › URL Management) and "
            "register again. STK payments need none: their callback URL goes out with each push."
        ),
        money="Says nothing about money.",
        pain=16,
        phrases=("already registered",),
    ),
    Cause(
        "wrong-pin",
        "The initiator information is invalid (2001), on an STK payment",
        shown="`failed`, code 2001",
        why="On an STK push this is the payer's PIN, whatever the text says about an initiator.",
        cure="Offer to try again.",
        money="None moved.",
        pain=17,
        codes=("2001",),
    ),
    Cause(
        "initiator",
        "Initiator invalid, System internal error (B2C, reversal, status)",
        shown="in answers to APIs that pay out or reverse; STK payments use no initiator",
        why="The security credential was made with the other environment's certificate, or its password has ended.",
        cure=(
            "Encrypt the password again with the environment's own certificate (RSA, PKCS#1 v1.5). It lasts 90 days; "
            "of specials it may have # & % $ only."
        ),
        money="Says nothing about STK payments.",
        pain=17,
        phrases=("initiator", "system internal error"),
    ),
    Cause(
        "field-refused",
        "Bad Request: Invalid PhoneNumber, Amount, …",
        shown="`failed`, code 400.002.02 with the field's name; most are refused by the API with 422",
        why="Daraja does not take that field: its message names it. Hakika normalises phones, texts and amounts first.",
        cure="Correct the field that the message names: PhoneNumber must be a Safaricom line that can take a prompt.",
        money="None moved: nothing was processed.",
        checks=("settings.complete", "settings.till"),
        pain=18,
        codes=("400.002.02", "400.002.05"),
        phrases=("bad request - invalid", "invalid phonenumber", "invalid amount"),
    ),
    Cause(
        "no-answer",
        "No prompt on the phone, or nobody answered",
        shown="`expired`, code 1037, 1036 or 1019",
        why="The phone is off or out of network, its SIM is old or an eSIM beside another, or nobody entered the PIN.",
        cure="Offer to try again, or to pay by PayBill by hand. An old SIM is updated with *234*1*6#.",
        money="None moved.",
        pain=19,
        codes=("1037", "1036", "1019"),
    ),
    Cause(
        "prompt-undelivered",
        "M-Pesa could not show the prompt",
        shown="`failed`, code 1025, 1101, 1102 or 9999",
        why="The prompt's text has more than 182 characters (organisation name and reference), or M-Pesa was busy.",
        cure="Keep reference and description short, then try again later.",
        money="None moved.",
        pain=19,
        codes=("1025", "1101", "1102", "9999"),
    ),
    Cause(
        "callback-unreadable",
        "A callback that cannot be read",
        shown="the flag `callback_unreadable`; the bytes are in the timeline as they came",
        why="Something on the way changed or cut the body, or it was no callback at all.",
        cure="Nothing for this payment: Daraja is asked at once. If it repeats, look at the raw bytes and report it.",
        money="As the payment's status says; nothing was concluded from those bytes.",
        checks=("callback-url.path", "inside.spool", "callers.foreign"),
        pain=20,
    ),
)
