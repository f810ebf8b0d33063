"""Takes a payment (POST /pay), reacts when it is paid (GET /paid shows it): FastAPI and Hakika, nothing else."""

import os
import sqlite3
from contextlib import closing

from fastapi import Body, FastAPI, HTTPException, Request

from hakika.client import AsyncHakika, HakikaError, WebhookVerificationError, verify_webhook

app = FastAPI()
hakika = AsyncHakika()  # HAKIKA_SERVER, HAKIKA_API_KEY


def sql(statement, *values):
    with closing(sqlite3.connect(os.environ.get("APP_DB", "app.db"))) as db, db:
        return db.execute(statement, values).fetchall()


@app.post("/pay", status_code=202)
async def pay(phone: str = Body(), amount: int = Body(), reference: str = Body()):
    try:
        payment = await hakika.payments.create(phone=phone, amount=amount, reference=reference)  # the phone rings
    except HakikaError as error:
        raise HTTPException(error.http_status or 503, {"code": error.code, "detail": error.detail}) from error
    return {"payment": payment.id, "status": payment.status}


@app.post("/mpesa/callback", status_code=204)
async def react(request: Request):
    try:
        event = verify_webhook(await request.body(), request.headers, os.environ["HAKIKA_WEBHOOK_SECRET"])
    except WebhookVerificationError as error:
        raise HTTPException(400, str(error)) from error
    if event.type == "payment.completed":  # one row for a payment, however often the event comes
        values = [event.data[name] for name in ("id", "reference", "amount_received")]
        sql("INSERT INTO paid VALUES (?, ?, ?) ON CONFLICT DO NOTHING", *values)
    elif failure := event.data.get("failure"):
        print(event.data["reference"], "is not paid:", failure["message"], flush=True)


@app.get("/paid")
def paid():
    return [reference for _, reference, _ in sql("SELECT * FROM paid")]


sql("CREATE TABLE IF NOT EXISTS paid (payment TEXT PRIMARY KEY, reference TEXT, amount INT)")
