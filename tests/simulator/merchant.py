"""A merchant that talks to a simulated network in memory, at times that the tests say."""

from base64 import b64encode
from typing import Any

import msgspec

from hakika.simulator import PAYBILL, Account, Answer, CallbackPost, Network

START_MS = 1_795_000_000_000
TIMESTAMP = "20261118145320"
PAYER = "254712345678"
CALLBACK_URL = "http://127.0.0.1:9/c/token"
PUSH = "/mpesa/stkpush/v1/processrequest"
QUERY = "/mpesa/stkpushquery/v1/query"
TOKEN = "/oauth/v1/generate?grant_type=client_credentials"


def password(account: Account, timestamp: str = TIMESTAMP) -> str:
    """Make the password of an account."""
    return b64encode(f"{account.shortcode}{account.passkey}{timestamp}".encode()).decode()


def basic(key: str = PAYBILL.key, secret: str = PAYBILL.secret) -> dict[str, str]:
    """Make the header that asks for a token."""
    return {"Authorization": "Basic " + b64encode(f"{key}:{secret}".encode()).decode()}


def push_body(account: Account = PAYBILL, msisdn: str = PAYER, amount: object = 100) -> dict[str, Any]:
    """Fill in every field of a push."""
    return {
        "BusinessShortCode": account.shortcode,
        "Password": password(account),
        "Timestamp": TIMESTAMP,
        "TransactionType": account.transaction_type,
        "Amount": amount,
        "PartyA": msisdn,
        "PartyB": account.party_b,
        "PhoneNumber": msisdn,
        "CallBackURL": CALLBACK_URL,
        "AccountReference": "INV-1",
        "TransactionDesc": "Payment",
    }


def document(answer: Answer) -> dict[str, Any]:
    """Read the JSON of an answer."""
    read: dict[str, Any] = msgspec.json.decode(answer.body)
    return read


def callback(post: CallbackPost) -> dict[str, Any]:
    """Read what a callback says."""
    read: dict[str, Any] = msgspec.json.decode(post.body)["Body"]["stkCallback"]
    return read


def items(post: CallbackPost) -> dict[str, Any]:
    """Read the metadata of a callback by name."""
    return {item["Name"]: item.get("Value") for item in callback(post)["CallbackMetadata"]["Item"]}


class Merchant:
    """One client of one network, with a clock that it moves by hand."""

    def __init__(self, network: Network, account: Account = PAYBILL) -> None:
        self.network = network
        self.account = account
        self.now_ms = START_MS
        self.token = str(document(self.send("GET", TOKEN, b"", basic()))["access_token"])

    def send(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send any request now."""
        return self.network.handle(method, target, headers, body, self.now_ms)

    def post(self, target: str, body: object) -> Answer:
        """Send a JSON document with the token."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return self.send("POST", target, msgspec.json.encode(body), headers)

    def push(self, msisdn: str = PAYER, amount: object = 100, **fields: object) -> Answer:
        """Ask for money."""
        return self.post(PUSH, push_body(self.account, msisdn, amount) | fields)

    def accepted(self, msisdn: str = PAYER, amount: object = 100, **fields: object) -> str:
        """Ask for money, expecting the push to be accepted."""
        answer = self.push(msisdn, amount, **fields)
        assert answer.status == 200, answer.body
        return str(document(answer)["CheckoutRequestID"])

    def query(self, checkout_request_id: str) -> Answer:
        """Ask how a push stands."""
        body = {
            "BusinessShortCode": self.account.shortcode,
            "Password": password(self.account),
            "Timestamp": TIMESTAMP,
            "CheckoutRequestID": checkout_request_id,
        }
        return self.post(QUERY, body)

    def queried_code(self, checkout_request_id: str) -> str:
        """Ask how a push stands, expecting a result code."""
        return str(document(self.query(checkout_request_id))["ResultCode"])

    def answer(self, answer: str, msisdn: str = PAYER) -> None:
        """Answer a phone now."""
        self.network.answer_phone(msisdn, answer, self.now_ms)

    def wait(self, duration_ms: int) -> list[CallbackPost]:
        """Let time pass and collect the callbacks of that time."""
        self.now_ms += duration_ms
        return self.network.due_callbacks(self.now_ms)
