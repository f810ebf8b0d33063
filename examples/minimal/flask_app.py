"""Takes a payment (POST /pay), reacts when it is paid (GET /paid shows it): Flask and Hakika, nothing else."""

import os
import sqlite3
from contextlib import closing

from flask import Flask, request

from hakika.client import Hakika, HakikaError, WebhookVerificationError, verify_webhook

app = Flask(__name__)
hakika = Hakika()  # HAKIKA_SERVER, HAKIKA_API_KEY


def sql(statement, *values):
    with closing(sqlite3.connect(os.environ.get("APP_DB", "app.db"))) as db, db:
        return db.execute(statement, values).fetchall()


@app.post("/pay")
def pay():
    wanted = {name: request.json[name] for name in ("phone", "amount", "reference")}
    try:
        payment = hakika.payments.create(**wanted)  # the phone rings
    except HakikaError as error:
        return {"code": error.code, "detail": error.detail}, error.http_status or 503
    return {"payment": payment.id, "status": payment.status}, 202


@app.post("/mpesa/callback")
def react():
    try:
        event = verify_webhook(request.get_data(), request.headers, os.environ["HAKIKA_WEBHOOK_SECRET"])
    except WebhookVerificationError as error:
        return str(error), 400
    if event.type == "payment.completed":  # one row for a payment, however often the event comes
        values = [event.data[name] for name in ("id", "reference", "amount_received")]
        sql("INSERT INTO paid VALUES (?, ?, ?) ON CONFLICT DO NOTHING", *values)
    elif failure := event.data.get("failure"):
        print(event.data["reference"], "is not paid:", failure["message"], flush=True)
    return "", 204


@app.get("/paid")
def paid():
    return [reference for _, reference, _ in sql("SELECT * FROM paid")]


sql("CREATE TABLE IF NOT EXISTS paid (payment TEXT PRIMARY KEY, reference TEXT, amount INT)")
