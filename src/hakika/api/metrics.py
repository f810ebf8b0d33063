"""What Prometheus reads: what this process has counted, and how things stand for all nodes together.

Open to whoever has an API key, to programs on this machine, and to the addresses that a setting names.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from hakika import __version__
from hakika.api.access import Gate, identify, is_loopback
from hakika.api.callbacks import AddressBook
from hakika.api.metric_families import FAMILIES, Kind
from hakika.domain.errors import NotAuthenticated
from hakika.engine.budgets import Budgets
from hakika.engine.desk import Desk
from hakika.engine.health import CallbackHealth
from hakika.engine.ledger import Ledger
from hakika.engine.representation import mode_of
from hakika.engine.watching.gauges import Gauging, Standing
from hakika.engine.watching.tally import Histogram

router = APIRouter()

_HANDED_ON = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via", "cf-connecting-ip", "origin")
"""Whoever sends one of these was handed on by a proxy or comes from a page: it is no program on this machine."""
_HERE = frozenset({"127.0.0.1", "localhost", "[::1]"})

TROUBLES = ("mispaid", "unresolved", "frozen")

_process = CollectorRegistry()
for _collector in (ProcessCollector, PlatformCollector, GCCollector):
    _collector(registry=_process)


class Readers:
    """Who may read without a key: programs on this machine, and the addresses in `HAKIKA_METRICS_FROM`."""

    def __init__(self, proxies: Sequence[str], allowed: Sequence[str]) -> None:
        self._listed, self._any = AddressBook(allowed, proxies, refuse=False), bool(allowed)

    def admit(self, request: Request) -> bool:
        """Whether this one may."""
        if self._any and not self._listed.is_foreign(self._listed.find_sender(request.scope)):
            return True
        near = request.client.host if request.client else ""
        host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
        if request.scope.get("http_version") == "1.0":
            return False  # nginx without any settings: no header says that it handed this on, and Host names us
        return is_loopback(near) and host in _HERE and not any(name in request.headers for name in _HANDED_ON)


class Sources(NamedTuple):
    """Where the numbers come from."""

    ledger: Ledger
    desk: Desk
    budgets: Budgets
    health: CallbackHealth
    gauging: Gauging
    readers: Readers


@router.get("/metrics", include_in_schema=False)
async def show_metrics(request: Request) -> Response:
    """Show all metrics in Prometheus' text format. Raises NotAuthenticated."""
    state = request.app.state
    sources: Sources = state.metrics
    if not sources.readers.admit(request):
        await _require_key(state.gate, request)
    standing = await sources.gauging.read()
    registry = CollectorRegistry()
    registry.register(_Once([*_count(sources), *_look_inside(sources, state), *_show_standing(sources, standing)]))
    return Response(
        generate_latest(_process) + generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


async def _require_key(gate: Gate, request: Request) -> None:
    try:
        await identify(gate, request)
    except NotAuthenticated:
        raise NotAuthenticated(
            "Metrics are for whoever has an API key, for programs on this machine, and for HAKIKA_METRICS_FROM."
        ) from None


class _Once(Collector):
    """Families that are made already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """See Collector."""
        return self._families


# ── what this process did ──────────────────────────────


def _count(sources: Sources) -> Iterator[Metric]:
    tally, desk, ledger = sources.ledger.tally, sources.desk, sources.ledger
    callbacks = {(outcome,): times for outcome, times in tally.callbacks.items()}
    callbacks |= {("spooled",): desk.spooled, ("lost",): desk.lost, ("spoiled",): desk.spoiled}
    names = {account.id: account.name for account in sources.budgets.accounts()}
    yield _make("hakika_payments_total", tally.count_payments())
    yield _make("hakika_callbacks_total", callbacks)
    yield _make("hakika_callbacks_foreign_total", {(): tally.foreign})
    yield _make("hakika_evidence_failed_total", {(): ledger.failed})
    yield _make("hakika_pushes_total", {(answer,): times for answer, times in tally.pushes.items()})
    yield _make("hakika_queries_total", tally.queries)
    yield _make(
        "hakika_spike_arrests_total", {(names.get(one, one),): times for one, times in sources.budgets.shrinks.items()}
    )
    yield _make("hakika_delivery_attempts_total", {(outcome,): times for outcome, times in tally.attempts.items()})
    yield _spread("hakika_certainty_seconds", {(source,): one for source, one in tally.certainty.items()})
    yield _spread("hakika_queries_per_payment", {(): tally.queries_needed})
    yield _spread("hakika_delivery_seconds", {(): tally.delivering})


def _look_inside(sources: Sources, state: Any) -> Iterator[Metric]:
    now_ms = sources.gauging.now()
    beats = {("worker",): state.worker.beat_at_ms, ("deliverer",): state.deliverer.beat_at_ms}
    yield _make("hakika_info", {(__version__,): 1})
    yield _make("hakika_watched_payments", {(): len(sources.ledger.notices.all_watched())})
    # One that has not looked yet has been idle for no time at all.
    idle = {part: max(0, now_ms - at_ms) / 1000 if at_ms else 0 for part, at_ms in beats.items()}
    yield _make("hakika_idle_seconds", idle)


# ── how things stand ──────────────────────────────


def _show_standing(sources: Sources, standing: Standing | None) -> Iterator[Metric]:
    yield _make("hakika_store_up", {(): int(standing is not None)})
    if standing is None:
        return
    gauges = standing.gauges
    yield _make("hakika_payments_pending", _by_mode(gauges.pending))
    calm: dict[tuple[str, ...], float] = {(mode, status): 0 for mode in ("test", "live") for status in TROUBLES}
    yield _make("hakika_payments_in_trouble", calm | _by_mode(gauges.troubled))
    lags = {("payments",): gauges.payments_lag_ms / 1000, ("deliveries",): gauges.deliveries_lag_ms / 1000}
    yield _make("hakika_due_lag_seconds", lags)
    yield _make("hakika_deliveries", {(status,): number for status, number in gauges.deliveries.items()})
    yield _make("hakika_endpoints", {(state,): number for state, number in gauges.endpoints.items()})
    yield _make("hakika_quarantined_callbacks", {(): gauges.quarantined})
    yield _make("hakika_last_event", {(): gauges.last_event})
    arrive = {(name,): int(sources.health.arrive(account)) for account, name in standing.accounts.items()}
    yield _make("hakika_callbacks_arrive", arrive)
    room: dict[tuple[str, ...], float] = {}
    for name, budget in standing.budgets.items():
        room |= {(name, "pushes"): max(0.0, budget.pushes), (name, "queries"): max(0.0, budget.queries)}
    yield _make("hakika_budget_room", room)
    rates = standing.budgets.items()
    yield _make("hakika_budget_calls_per_minute", {(name,): budget.rate for name, budget in rates})
    yield _make("hakika_budget_full_calls_per_minute", {(name,): budget.full_rate for name, budget in rates})


def _by_mode(counts: Mapping[tuple[str, str], int]) -> dict[tuple[str, ...], float]:
    summed: dict[tuple[str, ...], float] = {}
    for (environment, what), number in counts.items():
        key = (mode_of(environment), what)
        summed[key] = summed.get(key, 0) + number
    return summed


def _make(name: str, values: Mapping[Any, float]) -> Metric:
    told = FAMILIES[name]
    kind = CounterMetricFamily if told.kind is Kind.COUNTER else GaugeMetricFamily
    family: CounterMetricFamily | GaugeMetricFamily = kind(name, told.text, labels=told.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _spread(name: str, histograms: Mapping[tuple[str, ...], Histogram]) -> Metric:
    told = FAMILIES[name]
    family = HistogramMetricFamily(name, told.text, labels=told.labels)
    for labels, histogram in histograms.items():
        upto, buckets = 0, []
        for bound, count in zip([*map(str, map(float, histogram.bounds)), "+Inf"], histogram.counts, strict=True):
            upto += count
            buckets.append((bound, upto))
        family.add_metric(labels, buckets, sum_value=histogram.total)
    return family
