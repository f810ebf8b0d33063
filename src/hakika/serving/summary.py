"""What a server runs with, in a few lines for the person who started it."""

from sqlalchemy.engine import make_url

from hakika.config import Environment, Settings
from hakika.serving.server import Running

QUERIES_DO_THE_WORK = "none can arrive: pushes carry an address that leads nowhere, and queries do the work"

ONE_PROCESS = (
    "this is one, whatever WEB_CONCURRENCY says: for each further one run `hakika serve` with a PORT and a "
    "HAKIKA_DATA_DIR of its own, and the same DATABASE_URL and HAKIKA_SECRET_KEY"
)


def summarize(running: Running) -> dict[str, str]:
    """The summary, line by line."""
    settings = running.settings
    more = {"processes": ONE_PROCESS} if settings.web_concurrency > 1 else {}
    return {
        "url": running.url,
        "environment": f"{settings.environment} ({settings.daraja_url})",
        "account": _name_account(settings),
        "database": make_url(settings.database_url).render_as_string(hide_password=True),
        "callbacks": _say_where(running),
        "api_docs": f"{running.url}/docs",
        "api_key": "HAKIKA_API_KEY" if settings.api_key else "make one with `hakika keys create NAME`",
        "mode": "live: this is real money" if settings.environment is Environment.PRODUCTION else "test",
        **more,
    }


def _say_where(running: Running) -> str:
    tunnel = running.tunnel
    if not running.callbacks_lead_nowhere:
        return f"{running.callback_origin}/c/…" + (f" (by {tunnel.by})" if tunnel and tunnel.kind != "url" else "")
    if tunnel is None:
        return QUERIES_DO_THE_WORK
    return f"{QUERIES_DO_THE_WORK}. {tunnel.why}. {tunnel.cure}" if tunnel.why else f"the tunnel opens ({tunnel.kind})"


def _name_account(settings: Settings) -> str:
    if not settings.consumer_key:
        return "those in the database: `hakika accounts list`"
    return f"till {settings.till} (store {settings.shortcode})" if settings.till else f"PayBill {settings.shortcode}"
