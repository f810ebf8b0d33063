"""A person's yes: asked by whatever can reach one, and never by the model's own word.

Where the agent's program can ask its user (MCP elicitation, ADK's confirmation), it does. Elsewhere the tool answers
with a link to a page of ours, where the person types a code that no tool ever tells: a model that follows the link
itself gets no further. A yes is about exactly one question (who, how much, what for), counts once, and for fifteen
minutes.
"""

import html
import secrets
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import NamedTuple
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from hakika.agent.purse import Consent, Purse
from hakika.agent.wording import Answer, clean, refuse

PATH = "/confirm/{token}"
BODY_LIMIT_BYTES = 1_024
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Hakika: a question</title><style>body{{font:17px/1.5 system-ui,sans-serif;max-width:34em;margin:2em auto;
padding:0 1em}}button,input{{font:inherit;padding:.5em 1em;margin:.3em .3em .3em 0}}pre{{white-space:pre-wrap;
background:#f3f3f3;color:#111;padding:1em}}</style><h1>{title}</h1>{body}</html>"""
_FORM = """<pre>{question}</pre><form method="post"><p><label>The code, which only you know:
<input name="code" autocomplete="off" inputmode="numeric" required></label></p>
<button name="answer" value="yes">Yes, ask for it</button><button name="answer" value="no">No</button></form>"""


class Approval(Enum):
    """What a person said."""

    YES = "yes"
    NO = "no"
    UNANSWERED = "unanswered"


class Said(NamedTuple):
    """What a person said to a question; where not yet, how the answer can be had, and on which link."""

    approval: Approval
    how: str = ""
    link: str = ""


Approve = Callable[[str, str], Awaitable[Said]]
"""Asks a person. (topic, question) → what was said."""

NOBODY_TO_ASK = "This program cannot ask one: use a client that can, or raise the grant's limit."
BY_LINK = "Give the person this link; after the yes, call this tool again with the same arguments."


def tell_unapproved(said: Said) -> Answer:
    """Say that nothing was asked, for want of a person's yes."""
    if said.approval is Approval.NO:
        return refuse("not_confirmed", "A person was asked, and did not agree.")
    answer = refuse("needs_confirmation", "A person must say yes to this first.", again=True)
    answer |= {"status": "needs_confirmation", "message": f"{answer['message']} {said.how or NOBODY_TO_ASK}"}
    return answer | ({"confirm_at": said.link} if said.link else {})


class Consents:
    """Questions on links: kept in the purse, shown on a page, answered with the code."""

    def __init__(self, purse: Purse, clock: Callable[[], int], code: str, origin: str = "") -> None:
        self._purse, self._clock, self.code = purse, clock, code
        self.origin = origin
        """Where the page is; empty while there is none."""

    async def ask_by_link(self, topic: str, question: str) -> Said:
        """→ the answer that was given on a link, which is used up; else the link."""
        answer = self._purse.take(topic, self._clock())
        if answer:
            return Said(Approval(answer))
        if not self.origin:
            return Said(Approval.UNANSWERED)
        asked = self._purse.ask(secrets.token_urlsafe(24), topic, question, self._clock())
        return Said(Approval.UNANSWERED, BY_LINK, self.origin + PATH.format(token=asked.token))

    # ── the page ──────────────────────────────

    def routes(self) -> list[Route]:
        """The page."""
        return [Route(PATH, self.show, methods=["GET", "POST"])]

    async def show(self, request: Request) -> Response:
        """Show the question, or hear the answer."""
        token = str(request.path_params["token"])
        asked = self._purse.asked(token, self._clock())
        if asked is None:
            return _page("This question is over", "<p>It was used, or more than fifteen minutes old.</p>", 404)
        if asked.answer or request.method == "GET":
            return self._tell(asked)
        given = await _read_form(request)
        answer = "yes" if given.get("answer") == "yes" else "no"
        # A no needs no code: refusing harms nobody.
        authentic = answer == "no" or secrets.compare_digest(given.get("code", "").encode(), self.code.encode())
        settled = self._purse.settle(token, answer, self._clock(), authentic=authentic)
        return self._tell(settled or asked, wrong=not authentic)

    def _tell(self, asked: Consent, *, wrong: bool = False) -> Response:
        question = html.escape(asked.question)
        if asked.answer == "yes":
            return _page("You said yes", f"<pre>{question}</pre><p>Tell the agent to go on. It counts once.</p>")
        if asked.answer:
            return _page("You said no", f"<pre>{question}</pre><p>No phone will be asked.</p>")
        if self._purse.is_locked(self._clock()):
            return _page("Too many wrong codes", "<p>No phone is asked. Try again in fifteen minutes.</p>", 403)
        title = "That code is wrong" if wrong else "May the agent ask for this?"
        return _page(title, _FORM.format(question=question), 403 if wrong else 200)


async def _read_form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_LIMIT_BYTES:
            return {}
    return {name: clean(values[0]) for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _page(title: str, body: str, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(title=html.escape(title), body=body), status, _HEADERS)
