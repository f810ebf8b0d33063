"""What one simulated network is set to: whose accounts it knows and how long things take."""

from dataclasses import dataclass

from hakika.simulator.rules import Rule

SANDBOX_PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
"""Public: Safaricom prints it for everybody who tries the sandbox."""


@dataclass(frozen=True, slots=True)
class Account:
    """A shortcode and the Daraja app that may charge for it; with a till, the shortcode is the store number."""

    shortcode: str
    name: str = "Hakika Demo Shop"
    till: str | None = None
    key: str = "sim-key"
    secret: str = "sim-secret"  # noqa: S105 - a simulator's secret is printed in its documentation
    passkey: str = SANDBOX_PASSKEY

    @property
    def transaction_type(self) -> str:
        """Say which of the two types this account takes."""
        return "CustomerBuyGoodsOnline" if self.till else "CustomerPayBillOnline"

    @property
    def party_b(self) -> str:
        """Say who receives the money: the till where there is one."""
        return self.till or self.shortcode


PAYBILL = Account("174379")
TILL = Account("600610", name="Hakika Demo Till", till="5600610")


@dataclass(frozen=True, slots=True)
class Settings:
    """All that does not change while the network runs; durations are in the network's own time."""

    seed: int = 0
    first_receipt: int | None = None
    """Where receipts begin to count, on through every reset; None: at the first, and there again after a reset."""
    strict: bool = False
    query_limit_per_minute: int | None = None
    accounts: tuple[Account, ...] = (PAYBILL, TILL)
    default_rule: Rule | None = None
    prompt_life_ms: int = 60_000
    think_ms: int = 2_000
    """How long the phones that answer by themselves take, and answers ordered for the next push."""
    settle_ms: tuple[int, int] = (500, 1_500)
    """From the payer's answer to M-Pesa's own certainty, which a query then tells."""
    callback_latency_ms: tuple[int, int] = (1_000, 3_000)
    """From M-Pesa's certainty to the callback."""
    repeat_window_ms: int = 120_000
    token_life_s: int = 3599
    keep_payments: int = 50_000
    keep_requests: int = 10_000

    def account(self, shortcode: str) -> Account | None:
        """Find the account of a shortcode."""
        return next((account for account in self.accounts if account.shortcode == shortcode), None)
