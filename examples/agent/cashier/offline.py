"""A stand-in for a language model: a few rules, so that the example runs without a key and without the internet.

It understands "Send 500 to 0712345678 for lunch", "status of UKLM6BSJQ5", "explain UKLM6BSJQ5", "recent payments" and
"doctor", calls the tool, and says what the tool said. It is the tools that are careful, not the model: put any other in
its place.
"""

import re
from collections.abc import AsyncGenerator
from typing import Any

from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.genai import types

CHARGE = re.compile(
    r"(?:send|ask|charge|request)\D*(?P<amount>\d+)\D+?(?P<phone>(?:\+?254|0)[17]\d{8})(?:\s+for\s+(?P<why>.+))?",
    re.IGNORECASE,
)
# A payment's name: its id, CheckoutRequestID, receipt or reference. They have a digit, which no plain word has; but one
# receipt in ten has none: ten capitals.
NAME = re.compile(r"\b(?:(?=[\w-]*\d)[\w-]{6,}|[A-Z]{10}\b)")
HELP = (
    'Say "Send 500 to 0712345678 for lunch", "recent payments", "doctor", '
    'or of one of them "status of …" or "explain …", with its receipt or its id.'
)


class OfflineModel(BaseLlm):
    """Turns a sentence into a tool call, and a tool's answer into a sentence."""

    async def generate_content_async(
        self,
        llm_request: LlmRequest,
        stream: bool = False,  # noqa: ARG002 - as the base has it
    ) -> AsyncGenerator[LlmResponse, None]:
        """Answer the last thing that was said."""
        said = llm_request.contents[-1].parts or []
        answers = [part.function_response.response for part in said if part.function_response]
        if answers:
            words = " ".join(_word(answer or {}) for answer in answers)
            yield LlmResponse(content=types.Content(role="model", parts=[types.Part(text=words)]))
            return
        part = self._understand(" ".join(part.text or "" for part in said))
        yield LlmResponse(content=types.Content(role="model", parts=[part]))

    def _understand(self, text: str) -> types.Part:
        if found := CHARGE.search(text):
            why = (found["why"] or "a payment").strip(" .!")
            asked = {"phone_number": found["phone"], "amount": int(found["amount"]), "context": why}
            return types.Part.from_function_call(name="send_instant_payment_with_tracking", args=asked)
        if found := NAME.search(text):
            if re.search(r"explain|why|what happened", text, re.IGNORECASE):
                return types.Part.from_function_call(name="explain_payment", args={"payment": found[0]})
            named = {"checkout_request_id": found[0]}
            return types.Part.from_function_call(name="check_payment_status_realtime", args=named)
        if re.search(r"recent|list|payments", text, re.IGNORECASE):
            return types.Part.from_function_call(name="list_recent_payments", args={})
        if re.search(r"doctor|wrong", text, re.IGNORECASE):
            return types.Part.from_function_call(name="run_doctor", args={})
        return types.Part(text=HELP)


def _word(answer: dict[str, Any]) -> str:
    """The tool's message; under it what it lists, a line each."""
    listed = [
        f"{one['id']}: KES {one['amount']:,} from {one['phone']}, {one['status']} {one['receipt'] or ''}".strip()
        for one in answer.get("payments", [])
    ]
    found = [f"{one['title']}: {one['meaning']} {one['cure']}" for one in answer.get("findings", [])]
    return "\n\n".join([str(answer.get("message", "")), *listed, *found, *answer.get("timeline", [])])
