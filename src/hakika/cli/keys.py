"""`hakika keys create`, `list`, `revoke`, `secret`."""

from typing import Annotated

import typer

from hakika.cli.app import AsJson, Server, command, group_of
from hakika.cli.reach import reach
from hakika.cli.voice import console, say_json

group = group_of("keys", "API keys, and the key that encrypts credentials.")


@command(group, "create", "hakika keys create shop", "hakika keys create shop --mode live --json")
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    mode: Annotated[str, typer.Option(help="`test` or `live`; without it, as MPESA_ENVIRONMENT is.")] = "",
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """Make an API key; it is shown this once. It opens test payments or live ones, never both.

    Only its hash is kept. Works at the server that runs on this machine, else on the database.
    """
    made = reach(server).create_key(name, mode)
    if as_json:
        say_json(made)
        return 0
    out = console()
    out.print(f"[bold]{made['key']}[/]")
    out.print(
        f"Key {made['id']} ({made['name']}) opens {made['mode']} payments. Keep it now: it is not shown again.",
        style="dim",
    )
    return 0


@command(group, "list", "hakika keys list", "hakika keys list --json")
def list_keys(server: Server = "", as_json: AsJson = False) -> int:
    """List the API keys, by how they end."""
    keys = reach(server).list_keys()
    if as_json:
        say_json({"object": "list", "data": keys})
        return 0
    from hakika.cli.show import tabulate

    rows = [{**key, "ends in": f"…{key['hint']}", "revoked": key["revoked_at"]} for key in keys]
    console().print(tabulate(rows, "id", "name", "mode", "ends in", "created_at", "revoked"))
    return 0


@command(group, "revoke", "hakika keys revoke key_01m2x5h9q0d2n8r4t6v8y0a2c4")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
    server: Server = "",
    as_json: AsJson = False,
) -> int:
    """End an API key's life, at once and for good."""
    reach(server).revoke_key(key_id)
    if as_json:
        say_json({"object": "api_key", "id": key_id, "revoked": True})
    else:
        console().print(f"{key_id} is revoked.")
    return 0


@command(group, "secret", "hakika keys secret", 'echo "HAKIKA_SECRET_KEY=$(hakika keys secret)" >> .env')
def secret(as_json: AsJson = False) -> int:
    """Make a new HAKIKA_SECRET_KEY, which encrypts the accounts' credentials.

    Nothing is stored. With another key than before, enter the credentials again with `hakika accounts update`.
    """
    from hakika.engine.vault import make_key

    made = make_key()
    if as_json:
        say_json({"object": "secret_key", "key": made})
    else:
        typer.echo(made)
    return 0
