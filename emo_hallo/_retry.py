"""When to try again, and how long to wait before."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from emo_hallo.errors import ApiError, ConnectionFailed, HalloError

RETRIED_STATUSES = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff. Every request of this client may be repeated without harm.

    Attributes:
        max_retries: tries after the first one; 0 turns retrying off.
        first_delay_s: upper bound of the first pause; each next one doubles.
        max_delay_s: upper bound of any pause that we choose.
        max_retry_after_s: a service that asks for a longer pause than this gets none: the caller decides.
    """

    max_retries: int = 4
    first_delay_s: float = 0.5
    max_delay_s: float = 10.0
    max_retry_after_s: float = 120.0

    def delay_s(self, error: HalloError, n_failures: int) -> float | None:
        """Seconds to wait after the n-th failure in a row; None when the error should reach the caller."""
        if n_failures > self.max_retries or not is_transient(error):
            return None
        if isinstance(error, ApiError) and error.retry_after_s is not None:
            return error.retry_after_s if error.retry_after_s <= self.max_retry_after_s else None
        ceiling_s = min(self.max_delay_s, self.first_delay_s * 2.0 ** (n_failures - 1))
        return ceiling_s * random.uniform(0.5, 1.0)  # jitter keeps many clients from returning together


# about 90 seconds in all: a service that is redeployed while somebody waits is back by then
PATIENT = RetryPolicy(max_retries=12)


class Retries:
    """Counts the failures of one operation.

    Args:
        give_up_at: moment on `clock` beyond which no pause may last.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        give_up_at: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._give_up_at = give_up_at
        self._clock = clock
        self._n_failures = 0

    def after(self, error: HalloError) -> float:
        """Seconds to pause before the next try; raises `error` where there should be none."""
        self._n_failures += 1
        delay_s = self._policy.delay_s(error, self._n_failures)
        if delay_s is None or self._is_too_late(delay_s):
            raise error
        return delay_s

    def reset(self) -> None:
        """Start counting anew, because something was achieved."""
        self._n_failures = 0

    def _is_too_late(self, delay_s: float) -> bool:
        return self._give_up_at is not None and self._clock() + delay_s > self._give_up_at


def is_transient(error: HalloError) -> bool:
    """True when the same request may succeed later."""
    if isinstance(error, ApiError):
        return error.status_code in RETRIED_STATUSES
    return isinstance(error, ConnectionFailed)
