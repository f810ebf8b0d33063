"""Going live: the steps from the sandbox to a real PayBill or Till, and what the doctor can see of each.

docs/going-live.md tells them at length. Some only a person can know of: those are never ticked off by themselves.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from hakika.doctor.check import Outcome

PAGE = "docs/going-live.md"


class Tick(StrEnum):
    """How a step stands."""

    DONE = "done"  # all that belongs to it was seen, and is well
    OPEN = "open"  # something that was seen is not as it must be
    YOURS = "yours"  # part of it only a person can know; what can be seen is well
    UNKNOWN = "unknown"  # it could not be seen, or was not looked at


class Step(NamedTuple):
    """One step. `checks`: the doctor's that belong to it; `by_hand`: they do not see all of it."""

    name: str
    title: str
    ask: str  # what to do
    checks: tuple[str, ...] = ()
    by_hand: bool = False


def tick_steps(found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How the steps stand, from the findings of an examination as they are shown."""
    outcomes: dict[str, set[Outcome]] = {}
    for finding in found:
        outcomes.setdefault(finding["name"], set()).add(Outcome(finding["outcome"]))
    return [
        {
            "name": step.name,
            "title": step.title,
            "tick": _judge(step, outcomes).value,
            "ask": step.ask,
            "checks": list(step.checks),
            "docs": f"{PAGE}#{step.name}",
        }
        for step in STEPS
    ]


def _judge(step: Step, outcomes: Mapping[str, set[Outcome]]) -> Tick:
    seen = {outcome for name in step.checks for outcome in outcomes.get(name, {Outcome.UNKNOWN})}
    if seen & {Outcome.FAILED, Outcome.WARNING}:
        return Tick.OPEN
    if step.by_hand:
        return Tick.YOURS
    return Tick.DONE if Outcome.OK in seen and Outcome.UNKNOWN not in seen else Tick.UNKNOWN


CALLBACK_URL = tuple(
    f"callback-url.{word}"
    for word in ("https", "address", "certificate", "redirect", "challenge", "words", "path", "reaches-us")
)

STEPS: tuple[Step, ...] = (
    Step(
        "shortcode",
        "A PayBill or Till of your own",
        "Apply at Safaricom Business Care with registration documents, bank details and the volume that you expect.",
        ("settings.till",),
        by_hand=True,
    ),
    Step(
        "portal",
        "An account and an app on the Daraja portal",
        "Sign up, verify the e-mail, create an app with the product Lipa na M-Pesa Online (M-Pesa Express).",
        by_hand=True,
    ),
    Step(
        "practice",
        "A payment in the sandbox, from the request to the webhook",
        "Run Hakika with the app's sandbox key; pay with a real phone, cancel once, let one ring out.",
        ("going-live.practice",),
    ),
    Step(
        "production-app",
        "The app goes live",
        "Use Go Live on the portal with shortcode and operator; then set the production key, secret and passkey.",
        (
            "going-live.environment",
            "settings.complete",
            "settings.passkey",
            "settings.host",
            "daraja.reachable",
            "daraja.credentials",
            "daraja.passkey",
        ),
    ),
    Step(
        "products",
        "What Safaricom must enable",
        "Have M-Pesa Express enabled for this shortcode, and a rate agreed that carries your busiest minute.",
        ("daraja.product", "daraja.budget"),
        by_hand=True,
    ),
    Step(
        "callback-url",
        "A domain, https, and the callback URL",
        "Give the server a public name with a full certificate chain, and set CALLBACK_BASE_URL to it.",
        CALLBACK_URL,
    ),
    Step(
        "addresses",
        "Firewall, proxy and IP lists",
        "Let Safaricom's addresses through to the callback path, and set HAKIKA_TRUSTED_PROXIES to your proxy's.",
        ("callers.proxies", "callers.foreign"),
        by_hand=True,
    ),
    Step(
        "server",
        "A server that keeps what it answered",
        "Use the files in deploy/: a service that restarts, a disk with room, a clock that is right, one time zone.",
        (
            "settings.processes",
            "settings.time-zone",
            "daraja.clock",
            "inside.schema",
            "inside.durability",
            "inside.disk",
            "inside.workers",
        ),
    ),
    Step(
        "backup",
        "Backups, and one that was tried",
        "Run `hakika backup` every day and `hakika restore --check` on its file; keep the secret key elsewhere.",
        by_hand=True,
    ),
    Step(
        "keys",
        "API keys for real money",
        "Make one live key for each program: `hakika keys create shop --mode live`.",
        ("going-live.keys",),
    ),
    Step(
        "receivers",
        "Your program hears of payments, once",
        "Add an endpoint, check its signature, act on each event id once, answer 2xx: `hakika endpoints ping ID`.",
        ("going-live.endpoint", "inside.endpoints", "inside.deliveries"),
        by_hand=True,
    ),
    Step(
        "alarms",
        "Somebody is told before customers complain",
        "Add an endpoint for alerts (e-mail, SMS, Telegram …), set the rules' thresholds, and see one arrive.",
        ("going-live.alarms", "inside.alerts"),
        by_hand=True,
    ),
    Step(
        "round-trip",
        "A callback through the public URL, and back",
        "Run `hakika doctor --callback`: it posts the documented callback and follows it into the database.",
        ("callback-url.round-trip",),
    ),
    Step(
        "first-shilling",
        "The first real shilling",
        "Ask your own phone for KES 1, pay, see it on the M-Pesa statement, then send it back and resolve it.",
        ("going-live.first-shilling",),
    ),
    Step(
        "people",
        "Who looks at what is left over",
        "Name who may see the M-Pesa statement and resolves what is unresolved or mispaid, every day.",
        ("inside.unresolved", "inside.mispaid", "inside.frozen", "inside.stuck"),
        by_hand=True,
    ),
    Step(
        "first-day",
        "The first day",
        "Watch callbacks per push and the success rate; keep `hakika doctor` running from time to time.",
        ("callers.arrival",),
        by_hand=True,
    ),
)


OWN_CHECKS = frozenset(name for step in STEPS for name in step.checks if name.startswith("going-live."))
"""Those that run only for the steps' sake: where all of them ran, the steps were asked for."""
