"""Access tokens."""

import pytest

from hakika.simulator import Answer, Network
from tests.simulator.merchant import TOKEN, Merchant, basic, document


def error_code(answer: Answer) -> tuple[int, str]:
    """Read the status and the code of an error body."""
    return answer.status, document(answer)["errorCode"]


def test_a_token_lives_for_3599_seconds_and_says_so_in_a_string(merchant: Merchant) -> None:
    """`expires_in` is the string "3599"; the token is 28 characters long."""
    read = document(merchant.send("GET", TOKEN, b"", basic()))
    assert (len(read["access_token"]), read["expires_in"]) == (28, "3599")


@pytest.mark.parametrize("headers", [basic("other"), basic(secret="other"), {"Authorization": "Basic ???"}])
def test_a_wrong_key_is_answered_with_an_empty_400(merchant: Merchant, headers: dict[str, str]) -> None:
    """A wrong key or secret gives HTTP 400 and no body at all."""
    answer = merchant.send("GET", TOKEN, b"", headers)
    assert (answer.status, answer.body) == (400, b"")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic"}])
def test_an_authorization_that_is_not_basic_is_refused(merchant: Merchant, headers: dict[str, str]) -> None:
    """Without Basic authorization the answer is 400.008.01."""
    assert error_code(merchant.send("GET", TOKEN, b"", headers)) == (400, "400.008.01")


@pytest.mark.parametrize("target", ["/oauth/v1/generate", "/oauth/v1/generate?grant_type=password"])
def test_another_grant_type_is_refused(merchant: Merchant, target: str) -> None:
    """Only client_credentials is granted; the rest is 400.008.02."""
    assert error_code(merchant.send("GET", target, b"", basic())) == (400, "400.008.02")


def test_an_old_token_works_beside_a_new_one(merchant: Merchant) -> None:
    """Asking for another token does not end the first."""
    merchant.send("GET", TOKEN, b"", basic())
    assert merchant.push().status == 200


def test_a_token_stops_working_when_it_expires(merchant: Merchant) -> None:
    """A token works in its last millisecond and not after."""
    merchant.wait(3_599_000 - 1)
    assert merchant.push().status == 200
    merchant.wait(1)
    assert error_code(merchant.push()) == (404, "404.001.03")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (401, "401.002.01")),
        ({"Authorization": "Basic abc"}, (404, "404.001.04")),
        ({"Authorization": "Bearer"}, (404, "404.001.04")),
        ({"Authorization": "Bearer nonsense"}, (404, "404.001.03")),
    ],
)
def test_a_request_without_a_good_token_is_refused(
    network: Network, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    """No header, another scheme and an unknown token each have their own error code."""
    answer = network.handle("POST", "/mpesa/stkpush/v1/processrequest", headers, b"{}", 0)
    assert error_code(answer) == expected


def test_a_wrong_path_is_404_001_01(merchant: Merchant) -> None:
    """An unknown path is answered in Daraja's words."""
    assert error_code(merchant.post("/mpesa/stkpush/v2/processrequest", {})) == (404, "404.001.01")


def test_a_wrong_method_is_405_001(merchant: Merchant) -> None:
    """A known path with another method is 405.001."""
    assert error_code(merchant.send("POST", TOKEN, b"", basic())) == (405, "405.001")
