"""docs/coverage.md keeps its word: what it names exists, nothing is left empty, and nothing of the five is left out."""

import ast
import functools
import re
from pathlib import Path

import pytest

from tests.house.source import ROOT

PAGE = (ROOT / "docs/coverage.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| the document says")]
TEST = re.compile(r"`(?P<file>(?:\w+/)*test_\w+)::(?P<name>test_\w+)`")
VITEST = re.compile(r"`(?P<file>clients/js/tests/[\w.-]+)`")
FILE = re.compile(r"`(?P<file>(?:src|examples|deploy|clients|tests)/[\w./-]+)`")
LINK = re.compile(r"\]\((?P<page>[\w./-]*)(?:#(?P<anchor>[\w-]+))?\)")
TO_COME = re.compile(r"the operator's dashboard|C2B validation|cloud deployment notes|AWS (?:deployment )?notes")
"""What may be still to come; anything else is here."""

# What the five documents name, by seed: endpoints, functions, settings, result codes, alerts, tests, figures.
NAMED = {
    "000": (
        *("localhost:5000", "ngrok http 5000", "MPESA_CALLBACK_URL", "/api/payments/mpesa/callback", "usePayment.js"),
        *("/api/payments/mpesa/query", "queryMpesaStatus()", "pollMpesaStatus", "every 5 s", "2 minutes", "app.log"),
        *("MpesaPaymentExample.jsx", "test_mpesa_callback.py", "ps aux", "grep MPESA_CALLBACK_URL", "YOUR_TOKEN"),
        *("Payment COMPLETED", "M-Pesa callback received", "Query result for order", "the success page"),
    ),
    "001": (
        *("/api/v1/payments/mpesa/initiate", "/api/v1/payments/mpesa/callback", "/api/v1/payments/{order_id}/status"),
        *("BusinessShortCode", "TransactionType", "PartyA", "PartyB", "CallBackURL", "AccountReference"),
        *("TransactionDesc", "MpesaReceiptNumber", "checkout_request_id", "mpesa_transaction_id", "payment_status"),
        *("payment_method", "order_status", "transactionId", "Order not found", "always HTTP 200", "whitelisted"),
        *("pending for more than 5 minutes", "no callbacks in the last hour", "more than 5 %", "INFO logging"),
        *("no time-out under 30 s", "ngrok http 8080", "DATABASE_URL=postgresql://", "SELECT payment_status"),
        *("MPESA_CONSUMER_KEY", "MPESA_CONSUMER_SECRET", "MPESA_SHORTCODE", "MPESA_PASSKEY"),
    ),
    "002": (
        *(
            "MPESA_BUSINESS_SHORTCODE",
            "CALLBACK_BASE_URL",
            "httpbin.org",
            "app_oop.py",
            "FLASK_ENV",
            "INSERT OR REPLACE",
        ),
        *("/mpesa/callback", "init_database()", "Heroku", "DigitalOcean", "Railway", "Render", "nginx", "X-Real-IP"),
        *("196.201.214.200", "196.201.214.206", "Already processed", "mpesa_callbacks.log", "/mpesa/callback/health"),
        *("code 0", "code 1,", "code 1032", "code 1037", "code 1025", "code 1001", "code 2001", "raw request"),
        *("next: store transactions", "next: e-mail and SMS", "next: an admin dashboard", "next: handle other M-Pesa"),
        *("next: track success rates", "INSERT OR REPLACE"),
    ),
    "003": (
        *(
            "send_instant_payment_with_tracking",
            "wait_for_completion",
            "check_payment_status_realtime",
            "payment_details",
        ),
        *(
            "/payment/register",
            "/payment/status/{checkout_request_id}",
            "/payment/wait/{checkout_request_id}?timeout=120",
        ),
        *(
            "for lunch",
            "test_callback_integration.py",
            "callback_server.py",
            "adk web",
            "start.sh",
            "CALLBACK_SERVER_URL",
        ),
        *("ngrok http 8001", "5 minutes", "WebSocket", "WhatsApp", "bulk payments", "payment history", "error_message"),
        *("retry of failed payments", "payment analytics", "e-mail confirmations", "a dashboard", "to other systems"),
    ),
    "004": (
        *(
            "~3 s apart",
            "extend",
            "MAC",
            "`/payment/query`",
            "Business Care",
            "/api/payment/callback",
            "npm run test:mpesa",
        ),
        *(
            "/api/payment/validate",
            "MPESA_ENVIRONMENT",
            "AWS Secrets Manager",
            "Base64",
            "400.002.02",
            "sendCoAMessage",
        ),
        *("sendSMS", "updateTransaction", "SQS", "254708374149", "254708374150", "254708374151", "ngrok http 3000"),
        *("test-callback.json", "curl -I", "196.201.213.114", "196.201.213.44", "security group", "PaymentSuccess"),
        *("fewer than 5 successes in 300 s", "SNS", "Invalid Access Token", "formatPhoneNumber", "Request Timeout"),
        *("Transaction Still Pending", "Callback Not Received", "Insufficient Funds", "DEBUG=true", "2, 4, 8 s"),
        *("120 requests a minute", "MPESA_ALLOWED_IPS", "500 ms apart", "1032", "1037", "2001", "WAF"),
    ),
}


def cells(row: str) -> list[str]:
    """The cells of a row; a bar after a backslash is text."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


@functools.cache
def names_in(file: Path) -> frozenset[str]:
    """The tests in a file."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, functions))


@functools.cache
def anchors_of(page: Path) -> frozenset[str]:
    """What may stand after `#`: headings as they are spelled in addresses, and anchors that are set by hand."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    spelled = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return frozenset(spelled | set(re.findall(r'<a id="([\w-]+)">', text)))


def test_every_test_that_is_named_exists() -> None:
    """In the file and by the name that the page says."""
    named = list(TEST.finditer(PAGE))
    assert len(named) > 150
    lost = []
    for one in named:
        file = ROOT / "tests" / f"{one['file']}.py"
        if not file.is_file() or one["name"] not in names_in(file):
            lost.append(one[0])
    assert lost == []


def test_every_page_and_section_that_is_linked_exists() -> None:
    """Relative to docs/, or on this page itself."""
    lost = []
    for link in LINK.finditer(PAGE):
        page = (ROOT / "docs" / link["page"]) if link["page"] else ROOT / "docs/coverage.md"
        if not page.exists() or (link["anchor"] and link["anchor"] not in anchors_of(page)):
            lost.append(link[0])
    assert lost == []


def test_every_path_that_is_named_exists() -> None:
    """Files and folders of the repository."""
    assert [one[0] for one in FILE.finditer(PAGE) if not (ROOT / one["file"]).exists()] == []


def test_no_cell_is_empty() -> None:
    """Each row says what the document names, where it is or why not, and which test shows it."""
    bodies = [row for row in ROWS if not set(row) <= set("|- ")]
    assert len(bodies) > 200
    for row in bodies:
        said = cells(row)
        assert len(said) == 3, row
        assert all(len(cell) > 2 for cell in said), row
        if not row.startswith(("| they do", "| seed |", "| 00")):
            assert TEST.search(said[2]) or VITEST.search(said[2]), f"no test: {row}"


def test_what_is_still_to_come_is_known() -> None:
    """Three things are, and say so; nothing else hides behind the words."""
    coming = [row for row in ROWS if "till to come" in row]
    assert len(coming) >= 5
    assert [row for row in coming if not TO_COME.search(row)] == []


@pytest.mark.parametrize("seed", NAMED)
def test_what_a_document_names_is_on_the_page(seed: str) -> None:
    """Under its own heading, or where we say what we do otherwise."""
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    otherwise = next(section for section in sections if section.startswith("What we do otherwise"))
    own = next(section for section in sections if f"({seed})\n" in section)
    assert [name for name in NAMED[seed] if name not in own + otherwise] == []
