"""`hakika pay`, `status`, `query`, `resolve` and `cancel` against a running server and simulator."""

import itertools
import socket
import threading

from tests.cli.machine import HAS_NO_FUNDS, PAYS, RINGS, Machine, tell_simulator

Shop = tuple[Machine, str]
_amounts = itertools.count(11)  # M-Pesa refuses the same amount from the same phone within two minutes


def pay(machine: Machine, phone: str, reference: str, *options: str) -> tuple[int, dict[str, object]]:
    """Ask a phone for an amount of its own."""
    return machine.ask("pay", phone, str(next(_amounts)), "--reference", reference, *options)


def test_a_payment_that_is_paid(shop: Shop) -> None:
    """`pay --wait` follows the payment to its end, exits 0 and prints it with its receipt."""
    code, payment = pay(shop[0], PAYS, "paid", "--wait")
    assert (code, payment["status"], payment["confirmed_by"]) == (0, "completed", "callback")
    assert payment["receipt"]


def test_a_payment_is_told_step_by_step(shop: Shop) -> None:
    """In words: where it is, how long the prompt stays on the phone, and what became of it."""
    done = shop[0].run("pay", PAYS, str(next(_amounts)), "-r", "told", "--wait")
    assert done.returncode == 0
    assert f"prompted: check the phone {PAYS}, 60 s left" in done.stdout
    assert "Paid: KES" in done.stdout


def test_a_payment_without_funds(shop: Shop) -> None:
    """A decline exits 1, with what the payer should know and what to do."""
    done = shop[0].run("pay", HAS_NO_FUNDS, str(next(_amounts)), "-r", "poor", "--wait")
    assert done.returncode == 1
    assert "Not paid (failed)" in done.stdout
    assert "what to do" in done.stdout


def test_a_payment_that_the_payer_cancels(shop: Shop) -> None:
    """Cancelling is an end of its own, and exits 1."""
    tell_simulator(shop[1], "/simulator/next", {"result_code": 1032})
    code, payment = pay(shop[0], PAYS, "cancelled", "--wait")
    assert (code, payment["status"]) == (1, "cancelled")


def test_a_payment_that_nobody_answers_in_time(shop: Shop) -> None:
    """When the patience ends before the payment, it is printed as it is and exits 3: silence is no failure."""
    code, payment = pay(shop[0], RINGS, "rings", "--wait", "--timeout", "1")
    assert (code, payment["status"]) == (3, "pending")
    code, payment = shop[0].ask("status", "rings")
    assert code == 3
    code, problem = shop[0].ask("cancel", "rings")
    assert (code, problem["code"]) == (1, "cannot_cancel")


def test_a_payment_without_waiting(shop: Shop) -> None:
    """Without --wait the payment is printed as it was stored, and exits 0."""
    code, payment = pay(shop[0], "254700000001", "stored")
    assert (code, payment["status"], payment["stage"]) == (0, "pending", "queued")


def test_a_refused_request(shop: Shop) -> None:
    """A reference that is charged already is refused: what happened, what it means for the money, what to do."""
    pay(shop[0], "254700000002", "once")
    done = shop[0].run("pay", "254700000003", "5", "-r", "once")
    assert done.returncode == 1
    for words in ("reference_in_use", "what happened", "the money", "what to do"):
        assert words in done.stderr
    code, payment = pay(shop[0], "254700000003", "once", "--allow-repeat")
    assert (code, payment["status"]) == (0, "pending")


def test_a_phone_that_is_none(shop: Shop) -> None:
    """A wrong phone is refused before anything is sent."""
    code, problem = pay(shop[0], "12", "wrong")
    assert (code, problem["code"]) == (1, "invalid_phone")


def test_a_payment_is_found_by_every_name(shop: Shop) -> None:
    """Id, reference, CheckoutRequestID and receipt, in either case, find the same payment with its timeline."""
    _, payment = pay(shop[0], PAYS, "named", "--wait")
    for name in (payment["id"], "named", payment["checkout_request_id"], str(payment["receipt"]).lower()):
        code, found = shop[0].ask("status", str(name), "--timeline")
        assert (code, found["id"]) == (0, payment["id"])
        assert [entry["kind"] for entry in found["timeline"]][-1] == "payment.completed"
    assert "payment.completed" in shop[0].run("status", "named", "--timeline").stdout


def test_nothing_under_that_name(shop: Shop) -> None:
    """An unknown name says so and exits 1."""
    code, problem = shop[0].ask("status", "unheard-of")
    assert (code, problem["code"]) == (1, "not_found")
    code, problem = shop[0].ask("status", "pay_00000000000000000000000000")
    assert (code, problem["code"]) == (1, "not_found")


def test_a_decision_needs_one_payment(shop: Shop) -> None:
    """Where several payments have a name, the newest is shown, and nothing is decided about any."""
    pay(shop[0], "254700000004", "twice")
    pay(shop[0], "254700000005", "twice", "--allow-repeat")
    _, newest = shop[0].ask("status", "twice")
    assert len(newest["others"]) == 1
    code, problem = shop[0].ask("resolve", "twice", "failed", "--reason", "no")
    assert (code, problem["code"]) == (1, "ambiguous")


def test_asking_daraja_now(shop: Shop) -> None:
    """`query` answers with the payment; of one that is paid nothing more is asked."""
    pay(shop[0], PAYS, "queried", "--wait")
    code, payment = shop[0].ask("query", "queried")
    assert (code, payment["status"]) == (0, "completed")


def test_an_operators_word(shop: Shop) -> None:
    """A refund made elsewhere is recorded with who said it; what does not fit is refused."""
    pay(shop[0], PAYS, "refunded", "--wait")
    code, problem = shop[0].ask("resolve", "refunded", "failed", "--reason", "no")
    assert (code, problem["code"]) == (1, "cannot_resolve")
    code, payment = shop[0].ask("resolve", "refunded", "reversed", "--reason", "sent back", "--operator", "asha")
    assert (code, payment["status"]) == (0, "reversed")
    _, told = shop[0].ask("status", "refunded", "--timeline")
    assert [entry["reading"]["operator"] for entry in told["timeline"] if entry["kind"] == "operator"] == ["asha"]


def test_paying_needs_a_server(machine: Machine) -> None:
    """Without a server `pay` sends nothing, says so, and names the cure."""
    done = machine.run("pay", PAYS, "10", "-r", "none")
    assert done.returncode == 1
    assert "None moved: nothing was sent." in done.stderr
    assert "hakika serve" in done.stderr


def test_a_server_that_is_down(machine: Machine) -> None:
    """A named server that does not answer: nothing was sent, exit 1."""
    code, problem = machine.ask("pay", PAYS, "10", "-r", "x", "--server", "http://127.0.0.1:1")
    assert (code, problem["code"]) == (1, "server_silent")
    assert problem["money"].startswith("None moved")


def test_a_server_whose_answer_is_lost(machine: Machine) -> None:
    """Where the request may have arrived the money is unknown, and the exit code 3 says so."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                caller.recv(100)
                caller.close()

        threading.Thread(target=hang_up, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        code, problem = machine.ask("pay", PAYS, "10", "-r", "x", "--server", url)
        server.shutdown(socket.SHUT_RDWR)
    assert (code, problem["code"]) == (3, "server_silent")
    assert problem["money"].startswith("Unknown")


def test_a_wrong_key(shop: Shop, machine: Machine) -> None:
    """A key that the server does not know is refused; no key at all as well."""
    server = read_server_url(shop[0])
    for key in ("hk_nonsense", ""):
        code, problem = machine.ask("status", "paid", "--server", server, HAKIKA_API_KEY=key)
        assert (code, problem["code"]) == (1, "not_authenticated")


def test_a_key_opens_the_server_from_elsewhere(shop: Shop, machine: Machine) -> None:
    """A key made on the server's machine works with --server; what is local alone stays refused."""
    _, key = shop[0].ask("keys", "create", "elsewhere")
    elsewhere = {"HAKIKA_SERVER": read_server_url(shop[0]), "HAKIKA_API_KEY": str(key["key"])}
    code, accounts = machine.ask("accounts", "list", **elsewhere)
    assert (code, [account["name"] for account in accounts["data"]]) == (0, ["default"])
    code, problem = machine.ask("keys", "list", **elsewhere)
    assert (code, problem["code"]) == (1, "not_local")
    shop[0].ask("keys", "revoke", str(key["id"]))
    code, problem = machine.ask("accounts", "list", **elsewhere)
    assert (code, problem["code"]) == (1, "not_authenticated")


def test_an_address_that_is_no_server_of_ours(shop: Shop, machine: Machine) -> None:
    """Another program's answers are not taken for ours."""
    code, problem = machine.ask("status", "x", "--server", shop[1])
    assert (code, problem["code"]) == (1, "not_hakika")


def read_server_url(machine: Machine) -> str:
    """Return where the machine's server listens."""
    from hakika.serving.presence import read_presence  # noqa: PLC0415

    presence = read_presence(machine.directory / ".hakika")
    assert presence is not None
    return presence.url
