"""The OpenAPI document is true: examples fit, problems are all there, and the server does what it says."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given
from hypothesis import settings as generation_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from hakika.api.app import create_app
from hakika.api.health import error_kinds
from tests.api.house import API_KEY, StillClock, open_house, settings_for
from tests.api.serving import listening
from tests.api.test_errors import NOT_BY_HTTP
from tests.postgres import Postgres

DOCUMENT: dict[str, Any] = create_app().openapi()
OPERATIONS = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}
# They can come of any request, or of the drop-in routes, so they are said once: in docs/errors.md and /v1/errors.
ANYWHERE = {"internal", "method_not_allowed", "not_local"} | {"too_many_requests", "prompt_refused"}


def examples(media: dict[str, Any]) -> list[Any]:
    """All examples of a body, in the media type or in its schema."""
    found = [example["value"] for example in media.get("examples", {}).values()]
    schema = media["schema"]
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for variant in schema.get("anyOf", ()):
        found += examples({"schema": variant})
    found += schema.get("examples", [])
    return [*found, schema["example"]] if "example" in schema else found


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All bodies of an operation: what is sent, and what is answered with each status."""
    yield from (("request", media) for media in operation.get("requestBody", {}).get("content", {}).values())
    for status, response in operation["responses"].items():
        yield from ((status, media) for media in response["content"].values())


def validate(example: Any, media: dict[str, Any]) -> None:
    """Check an example against its schema."""
    jsonschema_rs.validate(media["schema"] | {"components": DOCUMENT["components"]}, example)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_body_has_an_example_that_fits(name: str) -> None:
    """Of the request and of every answer."""
    for which, media in bodies(OPERATIONS[name]):
        shown = examples(media)
        assert shown, f"{name}: {which} has no example"
        for example in shown:
            validate(example, media)


def test_operations_are_called_by_clean_verbs() -> None:
    """`request_payment`, not `request_payment_v1_payments_post`: they become names in generated clients."""
    assert set(OPERATIONS) == {
        "read_stats", "show_alerts", "read_alert", "show_rules", "read_rule", "change_rule",
        "request_payment", "register_payment", "list_payments", "read_payment", "tell_payment", "wait_for_payment",
        "explain_payment", "examine_server",
        "stream_payment", "list_events", "read_event", "stream_events",
        "query_payment", "cancel_payment", "resolve_payment", "list_accounts", "add_account", "change_account",
        "amend_account", "show_health", "show_readiness", "show_callback_health", "list_errors", "read_error",
        "add_endpoint", "show_endpoints", "read_endpoint", "change_endpoint", "delete_endpoint", "rotate_secret",
        "ping_endpoint", "list_endpoint_deliveries", "show_deliveries", "resend_deliveries", "tell_deliveries",
        "trigger_event",
        "create_checkout", "list_checkouts", "read_checkout", "wait_for_checkout", "cancel_checkout",
        "create_link", "list_links", "read_link", "change_link", "draw_link",
        "add_message_channel", "list_message_channels", "read_message_channel", "change_message_channel",
        "delete_message_channel", "try_message_channel", "list_payer_messages", "read_message",
        "add_opt_out", "show_opt_outs", "delete_opt_out",
    }  # fmt: skip


def test_every_problem_is_documented_where_it_occurs() -> None:
    """Each code of the tree that a request can bring about stands at some operation, with its status."""
    documented = {
        code
        for operation in OPERATIONS.values()
        for response in operation["responses"].values()
        for code in response["content"].get("application/problem+json", {}).get("examples", {})
    }
    documented.add("unknown_nonce")  # by /doctor/echo, which is for the doctor alone and stands in no document
    assert documented | ANYWHERE == {kind.code for kind in error_kinds()} - NOT_BY_HTTP


def test_what_needs_a_key_says_so() -> None:
    """All of /v1 but the errors, and nothing else."""
    secured = {name for name, operation in OPERATIONS.items() if operation.get("security")}
    open_to_all = {"show_health", "show_readiness", "show_callback_health", "list_errors", "read_error"}
    assert secured == set(OPERATIONS) - open_to_all


def test_nothing_of_the_frameworks_own_errors_is_left() -> None:
    """All errors are problems."""
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]


class HastyClock(StillClock):
    """Who waits for time has it pass at once."""

    async def wait_for(self, event: asyncio.Event, duration_ms: float) -> bool:
        """See Clock.wait_for."""
        await asyncio.sleep(0)
        self.pass_s(duration_ms / 1000)
        return event.is_set()


@pytest.fixture(scope="module")
def origins(
    request: pytest.FixtureRequest, migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[str]]:
    """Run a house on each database in a thread of their own, on loopback."""
    server: Postgres = request.getfixturevalue("postgres")
    template = request.getfixturevalue("migrated_postgres_template")
    folder = tmp_path_factory.mktemp("contract")
    shutil.copyfile(migrated_sqlite_file, folder / "hakika.db")

    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[str]:
        settings = settings_for(url, folder / url.partition(":")[0])
        async with open_house(settings, HastyClock()) as hakika, listening(hakika.asgi) as origin:
            hakika.worker.beat_at_ms = FOR_EVER_MS  # nobody runs it, while time runs away: /ready would call it late
            yield origin

    with contextlib.ExitStack() as running:
        portal = running.enter_context(start_blocking_portal())
        yield [
            running.enter_context(portal.wrap_async_context_manager(opened(url)))
            for url in (f"sqlite:///{folder / 'hakika.db'}", server.url(server.create_database(template=template)))
        ]


# What no schema can say, and a valid document may be refused for: field or code, and the words.
BEYOND_SCHEMA = [
    ("reference", "characters that cannot be shown"),
    ("description", "characters that cannot be shown"),
    ("account", "There is no active account"),
    ("receipt", "`receipt` is needed"),
    ("url", "`url`"),
    ("event_ids", "Say what to send again"),
    ("mode", "opens no live events"),
    ("metadata", "`metadata`"),
    ("environment", "A key for test payments adds no live account"),
    ("environment", "and stays one"),
    ("amount_least", "bounds between which the payer chooses"),
    ("amount_least", "is more than `amount_most`"),
    ("return_url", "`return_url`"),
    *(("from", words) for words in ("is after", "at most 92 days")),
    ("to", "is a day from"),
    ("days", "not both"),
    ("account", "There is no account"),
    ("thresholds", "Say what is to change"),
    ("thresholds", "has no threshold"),
    ("thresholds", "` is from "),
    ("templates", "`templates`"),
    ("subjects", "`subjects`"),
    ("recipient", "`recipient`"),
    ("cancel_url", "`cancel_url`"),
]


def assert_taken(response: Any) -> None:
    """Fail when valid data was refused as invalid, unless for a reason above; schemathesis's own check knows none."""
    if response.status_code != 422:
        return
    problem = response.json()
    reasons = [words for field, words in BEYOND_SCHEMA if problem.get("field") == field]
    assert any(words in problem["detail"] for words in reasons), problem


FOR_EVER_MS = 2**62
FUZZED = generation_settings(
    max_examples=6, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_server_does_what_the_document_says(origins: list[str], name: str) -> None:
    """Schemathesis: no 5xx, only what is documented comes back; what fits is taken, what does not is refused."""
    operation = schemathesis.openapi.from_dict(DOCUMENT).find_operation_by_id(name)
    for mode in GenerationMode:

        @FUZZED
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            for origin in origins:
                response = case.call(base_url=origin, headers={"Authorization": f"Bearer {API_KEY}"})
                case.validate_response(response, excluded_checks=[positive_data_acceptance])
                if case.meta.generation.mode is GenerationMode.POSITIVE:
                    assert_taken(response)

        with contextlib.suppress(Unsatisfiable):
            send()
