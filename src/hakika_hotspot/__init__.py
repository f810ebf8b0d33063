"""WiFi billing on Hakika: packages, a portal that sells them, and the routers that let paid devices through.

An app like any other: it knows the server by its public API and its webhooks alone (`hakika.client`).

    domain/          pure: packages, turns (what a set of grants adds up to), MAC addresses, access
    store/           tables, SQLite or PostgreSQL
    entitlements.py  grants, once for each payment, voucher or owner's word; revokes
    accounts.py      whether a device may go on the air now; what routers tell of usage
    purchases.py     asking Hakika for the price; receiver.py hears what came of it; redeeming.py takes codes
    portal/ owner/   the pages
    network/         RADIUS, CoA, RouterOS: what routers speak
    app.py cli.py    putting it together and running it
"""
