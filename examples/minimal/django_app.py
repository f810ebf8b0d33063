"""Takes a payment (POST /pay), reacts when it is paid (GET /paid shows it): Django and Hakika, nothing else."""

import json
import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.urls import path

from hakika.client import Hakika, HakikaError, WebhookVerificationError, verify_webhook

database = {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("APP_DB", "app.db")}
settings.configure(DEBUG=True, ROOT_URLCONF=__name__, DATABASES={"default": database})
hakika = Hakika()  # HAKIKA_SERVER, HAKIKA_API_KEY


def pay(request):
    wanted = {name: json.loads(request.body)[name] for name in ("phone", "amount", "reference")}
    try:
        payment = hakika.payments.create(**wanted)  # the phone rings
    except HakikaError as error:
        return JsonResponse({"code": error.code, "detail": error.detail}, status=error.http_status or 503)
    return JsonResponse({"payment": payment.id, "status": payment.status}, status=202)


def react(request):
    try:
        event = verify_webhook(request.body, request.headers, os.environ["HAKIKA_WEBHOOK_SECRET"])
    except WebhookVerificationError as error:
        return HttpResponse(str(error), status=400)
    if event.type == "payment.completed":  # one row for a payment, however often the event comes
        values = [event.data[name] for name in ("id", "reference", "amount_received")]
        connection.cursor().execute("INSERT INTO paid VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", values)
    elif failure := event.data.get("failure"):
        print(event.data["reference"], "is not paid:", failure["message"], flush=True)
    return HttpResponse(status=204)


def paid(request):
    rows = connection.cursor().execute("SELECT reference FROM paid").fetchall()
    return JsonResponse([reference for (reference,) in rows], safe=False)


urlpatterns = [path("pay", pay), path("mpesa/callback", react), path("paid", paid)]
connection.cursor().execute("CREATE TABLE IF NOT EXISTS paid (payment TEXT PRIMARY KEY, reference TEXT, amount INT)")
execute_from_command_line(sys.argv)
