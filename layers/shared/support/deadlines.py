"""The deadline of a request, and backing off within it."""

import time
from dataclasses import dataclass
from random import SystemRandom

from support.errors import Code, Refusal

# Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"), in seconds.
_BACKOFF_BASE = 0.025
_BACKOFF_CAP = 1.0
_LARGEST_EXPONENT = 10

# The system's random generator: copies of a snapshot would share the state of any other one, and wait in step.
_random = SystemRandom()

#: Reserved for building the response and the log line once the database has had its time.
_RESPONSE_SECONDS = 0.5

#: The maximum of `Retry-After`, in seconds: randomised, so that clients do not retry in step.
_MAX_RETRY_AFTER = 5


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment by which a request must have its response, in seconds of `time.monotonic()`."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    @classmethod
    def of_invocation(cls, remaining_milliseconds: int) -> "Deadline":
        """Return the deadline of an invocation that Lambda ends that many milliseconds from now."""
        return cls.after(remaining_milliseconds / 1000 - _RESPONSE_SECONDS)

    def require(self, seconds: float) -> None:
        """Raise `Refusal` (UNAVAILABLE) unless that many seconds are left."""
        if time.monotonic() + seconds > self.at:
            raise unavailable()

    def back_off(self, attempt: int, base: float = _BACKOFF_BASE) -> None:
        """Wait before the next attempt: a random time of up to `base` seconds, doubled with each attempt (from 0).

        Raises `Refusal` (UNAVAILABLE) if there is not enough time left to wait.
        """
        bound = min(_BACKOFF_CAP, base * 2 ** min(attempt, _LARGEST_EXPONENT))
        pause = _random.uniform(0, bound)
        self.require(pause)
        time.sleep(pause)


def unavailable() -> Refusal:
    """Build the error for a request that the database could not serve in time."""
    return Refusal(
        Code.UNAVAILABLE,
        "The service is busy; no partial write was made. Please send the same request again.",
        retry_after=_random.randint(1, _MAX_RETRY_AFTER),
    )
