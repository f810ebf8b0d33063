"""A person's yes on a page: with the code that no model is told, for one question, once."""

import httpx2
import pytest
from starlette.applications import Starlette

from hakika.agent.purse import CODE_TRIES, CONSENT_LIVES_MS
from hakika.agent.tools import Toolbox
from tests.agent.counter import PAYER, Counter

pytestmark = pytest.mark.anyio
ORIGIN = "http://127.0.0.1:8011"


def given(counter: Counter) -> tuple[Toolbox, httpx2.AsyncClient]:
    """Tools whose every charge needs a person, and a browser on the page."""
    tools = counter.toolbox(confirm_above=0, code="471147")
    assert tools.consents is not None
    tools.consents.origin = ORIGIN
    page = httpx2.AsyncClient(transport=httpx2.ASGITransport(Starlette(routes=tools.consents.routes())))
    return tools, page


async def test_a_link_is_given_and_a_yes_counts_once(counter: Counter) -> None:
    """The same call goes on after it; another amount, or the same once more, is another question."""
    tools, page = given(counter)
    told = await tools.send_instant_payment_with_tracking(PAYER, 500, "<b>lunch</b>")
    assert told["status"] == "needs_confirmation"
    assert "prompted no phone" in told["message"]
    assert "471147" not in str(told)
    link = told["confirm_at"]
    assert (await tools.send_instant_payment_with_tracking(PAYER, 500, "<b>lunch</b>"))["confirm_at"] == link
    shown = await page.get(link)
    assert "Charge 0712345678 KES 500. Stated purpose: “&lt;b&gt;lunch&lt;/b&gt;”" in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "You said yes" in (await page.post(link, data={"code": "471147", "answer": "yes"})).text
    other = await tools.send_instant_payment_with_tracking(PAYER, 501, "<b>lunch</b>")
    assert (other["status"], counter.pushes) == ("needs_confirmation", 0)
    assert (await tools.send_instant_payment_with_tracking(PAYER, 500, "<b>lunch</b>"))["status"] == "success"
    assert (await page.get(link)).status_code == 404


async def test_a_model_that_follows_the_link_gets_no_further(counter: Counter) -> None:
    """Without the code nothing is confirmed; after five wrong ones the right one is too late, whatever the question."""
    tools, page = given(counter)
    link = (await tools.send_instant_payment_with_tracking(PAYER, 500, "lunch"))["confirm_at"]
    for number in range(CODE_TRIES):
        answer = await page.post(link, data={"code": f"{number}", "answer": "yes"})
        assert answer.status_code == 403
    other = (await tools.send_instant_payment_with_tracking(PAYER, 400, "tea"))["confirm_at"]
    for tried in (link, other):
        assert (await page.post(tried, data={"code": "471147", "answer": "yes"})).status_code == 403
    assert (await tools.send_instant_payment_with_tracking(PAYER, 500, "lunch"))["status"] == "needs_confirmation"
    assert counter.pushes == 0


async def test_a_no_is_a_no(counter: Counter) -> None:
    """It needs no code; asked once more, the question is put anew."""
    tools, page = given(counter)
    link = (await tools.send_instant_payment_with_tracking(PAYER, 500, "lunch"))["confirm_at"]
    assert "You said no" in (await page.post(link, data={"answer": "no"})).text
    assert (await tools.send_instant_payment_with_tracking(PAYER, 500, "lunch"))["reason"] == "not_confirmed"
    assert (await tools.send_instant_payment_with_tracking(PAYER, 500, "lunch"))["confirm_at"] != link


async def test_a_question_ends(counter: Counter) -> None:
    """After fifteen minutes neither the page nor a yes that was given counts."""
    tools, page = given(counter)
    link = (await tools.send_instant_payment_with_tracking(PAYER, 500, "lunch"))["confirm_at"]
    await page.post(link, data={"code": "471147", "answer": "yes"})
    counter.hakika.clock.pass_s(CONSENT_LIVES_MS / 1000 + 1)
    assert (await page.get(link)).status_code == 404
    assert (await tools.send_instant_payment_with_tracking(PAYER, 500, "lunch"))["status"] == "needs_confirmation"


async def test_nonsense_is_no_yes(counter: Counter) -> None:
    """A body that is too long, or none, and a token of nobody's."""
    tools, page = given(counter)
    link = (await tools.send_instant_payment_with_tracking(PAYER, 500, "lunch"))["confirm_at"]
    for body in (b"", b"x" * 5000, b"answer=yes&code=\xff\xfe"):
        await page.post(link, content=body)
    assert (await page.get(f"{ORIGIN}/confirm/none")).status_code == 404
    assert counter.pushes == 0
