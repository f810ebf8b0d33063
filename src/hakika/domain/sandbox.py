"""What Safaricom's sandbox gives to everybody: never for an account through which real money moves."""

PUBLIC_PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"  # daraja.md §4
PUBLIC_SHORTCODE = "174379"


def find_public(environment: str, shortcode: str, passkey: str) -> str:
    """Name what a production account took from the sandbox: `passkey`, `shortcode` or, as it should be, `""`."""
    if environment != "production":
        return ""
    return "passkey" if passkey == PUBLIC_PASSKEY else "shortcode" if shortcode == PUBLIC_SHORTCODE else ""
