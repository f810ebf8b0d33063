"""Somebody who knows how callbacks look and where they go, and wants goods without paying."""

from typing import Any

import aiohttp


class Forger:
    """Posts callbacks that Safaricom never sent."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session, self._base_url = session, base_url

    async def say_paid(self, path: str, checkout_request_id: str, amount: int, receipt: str) -> int:
        """Claim on `path` that a prompt was paid. → the HTTP status of the answer."""
        body = write_callback(checkout_request_id, amount, receipt)
        async with self._session.post(self._base_url + path, json=body) as response:
            return response.status


def write_callback(checkout_request_id: str, amount: int, receipt: str) -> dict[str, Any]:
    """Write a callback as Safaricom would."""
    items = [
        {"Name": "Amount", "Value": amount},
        {"Name": "MpesaReceiptNumber", "Value": receipt},
        {"Name": "TransactionDate", "Value": 20261121093000},
        {"Name": "PhoneNumber", "Value": 254700000000},
    ]
    return {
        "Body": {
            "stkCallback": {
                "MerchantRequestID": "29115-34620561-1",
                "CheckoutRequestID": checkout_request_id,
                "ResultCode": 0,
                "ResultDesc": "The service request is processed successfully.",
                "CallbackMetadata": {"Item": items},
            }
        }
    }
