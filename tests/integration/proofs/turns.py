"""Runs threads one at a time, in an order that a seed decides; they hand over only where a test says."""

import threading
import time
from collections.abc import Callable, Sequence
from random import Random


class Turns:
    """An order in which programs take turns.

    Each of them runs in a thread of its own, but only in its turn, which ends when it comes to `hand_over`. `steps`
    counts the turns; `random` decides them.
    """

    def __init__(self, random: Random) -> None:
        self.steps = 0
        self.random = random
        self._waiting: set[int] = set()
        self._go: list[threading.Semaphore] = []
        self._stopped = threading.Semaphore(0)
        self._numbers: dict[int, int] = {}
        self._failures: list[BaseException] = []

    def run(self, programs: Sequence[Callable[[], None]]) -> None:
        """Run programs to their ends; raises the first exception of one of them."""
        self._go = [threading.Semaphore(0) for _ in programs]
        threads = [
            threading.Thread(target=self._run, args=(number, program), daemon=True)
            for number, program in enumerate(programs)
        ]
        for thread in threads:
            thread.start()
            self._stopped.acquire()
        while self._waiting:
            self.steps += 1
            number = self.random.choice(sorted(self._waiting))
            self._waiting.remove(number)
            self._go[number].release()
            self._stopped.acquire()
        for thread in threads:
            thread.join()
        self._numbers.clear()
        if self._failures:
            raise self._failures[0]

    def hand_over(self, number: int | None = None) -> None:
        """Wait for the next turn of a program: this thread's, or the one of that number for which this thread works."""
        number = self._numbers[threading.get_ident()] if number is None else number
        self._waiting.add(number)
        self._stopped.release()
        self._go[number].acquire()

    @property
    def current(self) -> int | None:
        """The number of this thread's program, None if it is none of them."""
        return self._numbers.get(threading.get_ident())

    def sleep(self, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Stand in for `time.sleep`: a program that waits hands over, and no time passes."""
        if self.current is None:
            sleep(seconds)
        else:
            self.hand_over()

    def _run(self, number: int, program: Callable[[], None]) -> None:
        self._numbers[threading.get_ident()] = number
        try:
            self.hand_over()
            program()
        except BaseException as error:
            self._failures.append(error)
        finally:
            self._stopped.release()
