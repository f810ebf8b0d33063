"""Rules about what payments stand on: Daraja's limits, endpoints, the certificate, the disk."""

import msgspec

from hakika.domain.budget import Budget, refill
from hakika.domain.schedule import MINUTE_MS
from hakika.engine.alerts.hours import spell
from hakika.engine.alerts.rule import Figures, Rule, Sign, State, Threshold, Thresholds
from hakika.store.alerts.figures import FailingEndpoint

MIB = 1024 * 1024


def _judge_budgets(figures: Figures, thresholds: Thresholds) -> list[Sign]:
    signs = []
    for account, name in figures.accounts.items():
        kept = figures.budgets.get(account)
        if kept is None:
            continue  # it never called
        budget = refill(msgspec.json.decode(kept, type=Budget), figures.now_ms)
        share = 100 * budget.rate / budget.full_rate
        if share >= thresholds["percent"]:
            signs.append(Sign(account, State.WELL))
            continue
        summary = f"Daraja turned calls away ({name}): we make {share:.0f} % of those that we may, since it said so."
        signs.append(Sign(account, State.HOLDS, summary, 1, budget.shrunk_at_ms, seen={"account": name}))
    return signs


def _judge_endpoints(figures: Figures, thresholds: Thresholds) -> list[Sign]:
    longest_ms = thresholds["minutes"] * MINUTE_MS
    return [_try(endpoint, figures.now_ms, longest_ms) for endpoint in figures.endpoints]


def _try(endpoint: FailingEndpoint, now_ms: int, longest_ms: int) -> Sign:
    since_ms = endpoint.failing_since_ms
    if not endpoint.off_reason and now_ms - since_ms < longest_ms:
        return Sign(endpoint.id, State.UNKNOWN)
    summary = f"{endpoint.url} is off: {endpoint.off_reason}"
    if not endpoint.off_reason:
        summary = f"{endpoint.url} takes no event since {spell(since_ms)}: {endpoint.failures} attempts in a row."
    seen = {"endpoint": endpoint.id, "failures": endpoint.failures}
    return Sign(endpoint.id, State.HOLDS, summary, max(1, endpoint.failures), since_ms, seen=seen)


def _judge_certificate(figures: Figures, thresholds: Thresholds) -> list[Sign]:
    if not figures.whole:
        return []
    measured = figures.certificate
    if measured is None:
        return [Sign("", State.UNKNOWN)]
    seen = {"host": measured.host, "days_left": int(measured.days_left)}
    if measured.trouble:
        summary = f"The certificate of {measured.host} is not accepted: {measured.trouble}"
        return [Sign("", State.HOLDS, summary, 1, seen=seen)]
    if measured.days_left >= thresholds["days"]:
        return [Sign("", State.WELL)]
    summary = f"The certificate of {measured.host} ends in {max(0, int(measured.days_left))} days."
    return [Sign("", State.HOLDS, summary, 1, seen=seen)]


def _judge_disk(figures: Figures, thresholds: Thresholds) -> list[Sign]:
    if not figures.whole:
        return []
    disk = figures.disk
    if disk is None:
        return [Sign("", State.UNKNOWN)]
    share = 100 * disk.free_bytes / max(1, disk.total_bytes)
    free_mib = disk.free_bytes // MIB
    if free_mib >= thresholds["mebibytes"] or share >= thresholds["percent"]:
        return [Sign("", State.WELL)]
    summary = f"The disk of {disk.path} has {free_mib:,} MiB left, {share:.0f} %."
    return [Sign("", State.HOLDS, summary, 1, seen={"path": disk.path, "free_mebibytes": free_mib})]


SPIKE_ARRESTS = Rule(
    name="spike-arrests",
    severity="warning",
    title="Daraja turns calls away: too many, or an outage",
    meaning="No money is lost. Prompts and queries wait for their turn; one that waits for a minute is not sent.",
    cure=(
        "See whether Daraja can be reached: in an outage wait. Else see what else calls with these credentials, and "
        "ask Safaricom for more calls if it is only Hakika."
    ),
    hint="hakika doctor daraja.reachable daraja.budget",
    thresholds={"percent": Threshold(50, 1, 100, "Below this share of the account's calls a minute.")},
    judge=_judge_budgets,
)

ENDPOINT_FAILING = Rule(
    name="endpoint-failing",
    severity="critical",
    title="An endpoint does not take its events",
    meaning="Payments go on. Whoever should be told is not: orders may not ship. What is owed waits for three days.",
    cure="See what it answers with `hakika endpoints ping`, and mend the receiver; all that waits is then sent.",
    hint="hakika deliveries list --status waiting",
    thresholds={"minutes": Threshold(5, 0, 1440, "Failing for longer than this; one that answered 410 at once.")},
    judge=_judge_endpoints,
    subjects="endpoint",
)

CERTIFICATE = Rule(
    name="certificate",
    severity="critical",
    title="The certificate of the callback URL ends soon, or is not accepted",
    meaning="Without a valid one no callback arrives: payments end late, by queries, and without receipts.",
    cure="Renew it, with the whole chain, and see why it was not renewed by itself.",
    hint="hakika doctor callback-url.certificate",
    thresholds={"days": Threshold(14, 1, 90, "Fewer days left than this.")},
    judge=_judge_certificate,
    subjects="",
)

DISK = Rule(
    name="disk",
    severity="critical",
    title="The disk is nearly full",
    meaning="A full disk takes no payment, and keeps no callback: both are refused until there is room.",
    cure="Make room, or move the database to a larger disk.",
    hint="hakika doctor inside.disk",
    thresholds={
        "mebibytes": Threshold(2048, 1, 1_000_000, "Fewer MiB left than this."),
        "percent": Threshold(10, 1, 100, "And less than this share of the disk."),
    },
    judge=_judge_disk,
    subjects="",
)
