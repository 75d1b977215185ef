"""When to try again."""

import pytest

from emo_hallo._retry import PATIENT, Retries, RetryPolicy
from emo_hallo.errors import BadRequest, ConnectionFailed, RateLimited, ServerError, UnexpectedResponse

LOST = ConnectionFailed("lost")


def test_pauses_double_up_to_the_limit_with_jitter_below():
    policy = RetryPolicy(max_retries=6, first_delay_s=1.0, max_delay_s=8.0)

    for n_failures, ceiling_s in enumerate([1, 2, 4, 8, 8, 8], start=1):
        delay_s = policy.delay_s(LOST, n_failures)

        assert delay_s is not None
        assert ceiling_s / 2 <= delay_s <= ceiling_s
    assert policy.delay_s(LOST, 7) is None


@pytest.mark.parametrize(
    ("error", "is_retried"),
    [
        (LOST, True),
        (ServerError("bad gateway", status_code=502), True),
        (ServerError("crash", status_code=500), False),
        (BadRequest("no", status_code=400), False),
        (UnexpectedResponse("a web page"), False),
    ],
    ids=lambda value: str(value),
)
def test_only_what_may_pass_is_retried(error, is_retried):
    assert (RetryPolicy().delay_s(error, 1) is not None) == is_retried


def test_a_pause_longer_than_we_care_for_is_left_to_the_caller():
    error = RateLimited("full", status_code=429, retry_after_s=3600)

    with pytest.raises(RateLimited):
        Retries(RetryPolicy()).after(error)


def test_waiting_is_patient_for_about_a_minute_and_a_half():
    ceilings = [min(PATIENT.max_delay_s, PATIENT.first_delay_s * 2**n) for n in range(PATIENT.max_retries)]

    assert 60 <= sum(ceilings) <= 100
