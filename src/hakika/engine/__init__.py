"""The engine: what moves payments. Everything that changes one goes through `ledger`.

`cashier` is the application: the verbs that API, CLI, dashboard and agent tools call. `worker` finds what is
due; `collect` asks Daraja for it. `fold` is the transaction that turns evidence into state.
"""
