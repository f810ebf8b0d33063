"""The engine: what moves payments. Everything that changes one goes through `ledger`.

Here lies the spine: `cashier` is the application, the verbs that API, CLI, dashboard and agent tools call; `worker`
finds what is due, `collect` asks Daraja for it; `desk` takes callbacks, `ledger` records, `fold` is the transaction
that turns evidence into state. What stands around it has a folder each:

    webhooks     what is owed to endpoints, and delivering it        checkout     one purchase of several attempts
    live         everyone who waits, told at once                    messages     SMS and e-mail to payers
    alerts       what the operator is told                           explaining   what happened, in words
    watching     the story in the log, counts, figures, probes
"""
