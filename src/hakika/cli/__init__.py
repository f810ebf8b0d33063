"""The command line: `hakika …`. It talks to the running server where there is one, else to the store directly.

app         the table of commands, and what every command shares
voice       how answers and errors are said
connection  the running server, found and asked          direct   the store without a server
payments    pay, status, query, resolve, cancel          show     payments and timelines for people
progress    a payment followed live, until it has ended
finding     payments, by what people look for            explaining  what happened, and why
doctor      what is wrong, with the cure                 examination  the doctor's table
keys, accounts, servers, upkeep                          the other commands

A command imports what it needs when it runs: `hakika --help` loads neither database nor web framework.
"""

from hakika.cli.app import main

__all__ = ["main"]
