"""What Safaricom's sandbox and our simulator give to everybody: never for an account through which money moves."""

PUBLIC_PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"  # daraja.md §4
PUBLIC_SHORTCODE = "174379"

SIMULATED = {
    "consumer_key": "sim-key",
    "consumer_secret": "sim-secret",
    "shortcode": PUBLIC_SHORTCODE,
    "passkey": PUBLIC_PASSKEY,
}
"""What an account needs, as settings are called; and how the simulator knows one by default."""


def find_public(environment: str, shortcode: str, passkey: str) -> str:
    """Name what a production account took from the sandbox: `passkey`, `shortcode` or, as it should be, `""`."""
    if environment != "production":
        return ""
    return "passkey" if passkey == PUBLIC_PASSKEY else "shortcode" if shortcode == PUBLIC_SHORTCODE else ""
