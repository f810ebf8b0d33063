"""A small shop's backend. It alone holds the API key, sets the prices and decides what is paid.

POST /api/orders           order something                              {"good": "chai"} → {"id"}
GET  /api/orders/ID        how it stands, and the ticket with which the page follows its payment
POST /api/orders/ID/pay    ask the payer's phone for the money          {"phone": "0712345678"} → the payment
POST /webhooks/hakika      Hakika says what became of a payment

HAKIKA_SERVER, HAKIKA_API_KEY, HAKIKA_WEBHOOK_SECRET and SHOP_DB set it up.
"""

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from flask import Flask, Response, abort, jsonify, request

from hakika.client import Hakika, HakikaError, Payment, WebhookVerificationError, verify_webhook

SERVER = os.environ.get("HAKIKA_SERVER", "http://localhost:8000")
DATABASE = os.environ.get("SHOP_DB", "shop.db")
GOODS = {"chai": ("Chai", 50), "mandazi": ("Four mandazi", 60), "kiondo": ("Kiondo basket", 1200)}
TABLES = """
CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, visitor TEXT NOT NULL, good TEXT NOT NULL, amount INT NOT NULL);
CREATE TABLE IF NOT EXISTS payments (
    id TEXT PRIMARY KEY, order_id TEXT NOT NULL, status TEXT NOT NULL, receipt TEXT, updated_at TEXT NOT NULL
);
"""

app = Flask(__name__, static_folder=Path(__file__).parents[1] / "frontend/dist", static_url_path="/")
hakika = Hakika(api_key=os.environ["HAKIKA_API_KEY"], server=SERVER)


@app.get("/")
@app.get("/orders/<order_id>")
@app.get("/orders/<order_id>/success")
def show_page(**_: str) -> Response:
    """Show the page, which React fills: its addresses work when they are opened anew."""
    return app.send_static_file("index.html")


@app.get("/api/goods")
def list_goods() -> Response:
    """List what there is."""
    return jsonify([{"id": good, "name": name, "amount": amount} for good, (name, amount) in GOODS.items()])


@app.post("/api/orders")
def take_order() -> tuple[Response, int]:
    """Take an order. The page says what; the price is ours."""
    good = request.get_json().get("good")
    if good not in GOODS:
        abort(422)
    order_id, visitor = f"A-{secrets.token_hex(4)}", request.cookies.get("visitor") or secrets.token_urlsafe()
    execute("INSERT INTO orders VALUES (?, ?, ?, ?)", order_id, visitor, good, GOODS[good][1])
    answer = jsonify(id=order_id)
    answer.set_cookie("visitor", visitor, httponly=True, samesite="Lax")  # only who ordered sees the order
    return answer, 201


@app.get("/api/orders/<order_id>")
def show_order(order_id: str) -> Response:
    """Show an order. We ask Hakika as well, so a page that is opened anew is right although no webhook reached us."""
    good, amount = find_order(order_id)
    for payment in hakika.payments.list(reference=order_id).data:
        note(payment)
    shown: dict[str, Any] = {"id": order_id, "name": GOODS[good][0], "amount": amount, "server": SERVER}
    payment_id, status, receipt = find_status(order_id)
    ticket = payment_id and {"id": payment_id, "client_secret": hakika.payments.retrieve(payment_id).client_secret}
    return jsonify(shown | {"status": status, "receipt": receipt, "ticket": ticket})


@app.post("/api/orders/<order_id>/pay")
def pay(order_id: str) -> Response:
    """Ask for the money. What is clicked twice or reloaded is charged once: by its key, and by its reference."""
    good, amount = find_order(order_id)
    payment = hakika.payments.create(
        amount=amount,
        phone=str(request.get_json().get("phone", "")),
        reference=order_id,
        description=GOODS[good][0],
        idempotency_key=request.headers.get("Idempotency-Key"),
    )
    note(payment)
    return Response(msgspec.json.encode(payment), 201, mimetype="application/json")


@app.post("/webhooks/hakika")
def hear() -> tuple[str, int]:
    """Take a webhook."""
    try:
        event = verify_webhook(request.get_data(), request.headers, os.environ["HAKIKA_WEBHOOK_SECRET"])
    except WebhookVerificationError as error:
        return str(error), 400
    if isinstance(event.snapshot, Payment):
        note(event.snapshot)
    return "", 204


@app.errorhandler(HakikaError)
def explain(error: HakikaError) -> tuple[Response, int]:
    """Hand on why something was refused, with its status: the page says it in the payer's words."""
    return jsonify(error.problem or {"code": error.code, "detail": error.detail}), error.http_status or 503


def note(payment: Payment) -> None:
    """Keep what Hakika says of a payment, unless we know something newer: twice or late, it does no harm."""
    execute(
        """INSERT INTO payments VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
           SET status = excluded.status, receipt = excluded.receipt, updated_at = excluded.updated_at
           WHERE excluded.updated_at >= payments.updated_at""",
        *(payment.id, payment.reference, payment.status, payment.receipt, payment.updated_at),
    )


def find_order(order_id: str) -> tuple[str, int]:
    """Find an order of this visitor's. → the good, and its price when it was ordered."""
    visitor = request.cookies.get("visitor", "")
    found = execute("SELECT good, amount FROM orders WHERE id = ? AND visitor = ?", order_id, visitor)
    if not found:
        abort(404)
    return found[0]


def find_status(order_id: str) -> tuple[str | None, str, str | None]:
    """Find how an order stands: as its completed payment does, else as its latest. → the payment, status, receipt."""
    found = execute(
        """SELECT id, status, receipt FROM payments WHERE order_id = ?
           ORDER BY status = 'completed' DESC, id DESC LIMIT 1""",
        order_id,
    )
    return found[0] if found else (None, "open", None)


def execute(statement: str, *values: Any) -> list[Any]:
    """Run one statement in a transaction of its own. → its rows."""
    with closing(sqlite3.connect(DATABASE)) as database, database:
        return database.execute(statement, values).fetchall()


with closing(sqlite3.connect(DATABASE)) as database:
    database.executescript(TABLES)
