"""The advanced callback handler of seed 002, written plainly: Flask, a sqlite3 connection a request."""

import os
import sqlite3
from typing import Any

from flask import Flask, jsonify, request

app = Flask(__name__)
DATABASE = os.environ["BENCH_DATABASE"]
NAMES = {"Amount": "amount", "MpesaReceiptNumber": "mpesa_receipt", "PhoneNumber": "phone_number"}


@app.route("/c/<token>", methods=["POST"])
def mpesa_callback(token: str) -> Any:  # noqa: ARG001
    """Store the transaction."""
    try:
        callback = request.get_json()["Body"]["stkCallback"]
        connection = sqlite3.connect(DATABASE, timeout=30)
        items = callback.get("CallbackMetadata", {}).get("Item", [])
        found = {NAMES[item["Name"]]: item.get("Value") for item in items if item["Name"] in NAMES}
        connection.execute(
            "INSERT OR REPLACE INTO transactions (checkout_request_id, merchant_request_id, phone_number, amount,"
            " mpesa_receipt, status) VALUES (?, ?, ?, ?, ?, ?)",
            (
                callback["CheckoutRequestID"],
                callback["MerchantRequestID"],
                found.get("phone_number"),
                found.get("amount"),
                found.get("mpesa_receipt"),
                "completed" if callback["ResultCode"] == 0 else "failed",
            ),
        )
        connection.commit()
        connection.close()
    except Exception as error:  # noqa: BLE001
        app.logger.error("Callback processing error: %s", error)
    return jsonify({"ResultCode": 0, "ResultDesc": "Success"})


if __name__ == "__main__":
    app.run(port=int(os.environ["BENCH_PORT"]), threaded=True)
