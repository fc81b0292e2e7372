"""The time that a request has, and waiting within it."""

import time
from dataclasses import dataclass
from random import SystemRandom

from support.errors import Code, Refusal

# Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"), in seconds.
_BACKOFF_BASE = 0.025
_BACKOFF_CAP = 1.0
_LARGEST_EXPONENT = 10

# The system's generator: copies of a snapshot would share another one's state, and wait alike.
_random = SystemRandom()

#: What the answer itself, and the line in the log, still need when the database has had its time.
_RESPONSE_SECONDS = 0.5

#: What a client is told to wait at most before it tries again, in seconds: each another time, or all come back at once.
_RETRY_AFTER = 5


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment by which a request must have its answer, in seconds of `time.monotonic()`."""

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
        """Wait before another attempt (the first failed one is 0): at random, up to `base` seconds, then twice that.

        Raises `Refusal` (UNAVAILABLE) if there is no time for the wait.
        """
        bound = min(_BACKOFF_CAP, base * 2 ** min(attempt, _LARGEST_EXPONENT))
        pause = _random.uniform(0, bound)
        self.require(pause)
        time.sleep(pause)


def unavailable() -> Refusal:
    """Build the answer for a request that the database could not serve in time."""
    return Refusal(
        Code.UNAVAILABLE,
        "The service is busy; nothing is half-written. Please send the same request again.",
        retry_after=_random.randint(1, _RETRY_AFTER),
    )
