"""Runs the tests against each mutant (`make mutants`, `MUTANTS="a word"` for those whose names have it).

A mutant is applied to a copy of the tree, and the tests that it names run there, up to the first failure. One that they
let pass is a survivor: something is promised that no test holds. Ends with 1 if there is one, and with 2 where a mutant
does not fit the code any more, its tests are not there, or they fail without it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from local import ROOT
from tests.mutants.table import MUTANTS, Mutant

#: What takes longer with a mutant hangs, and that is noticed, too.
_TIMEOUT_SECONDS = 600

#: Exit codes of pytest (its documentation, "Exit codes").
_PASSED, _FAILED = 0, 1

#: Where the code is that mutants break.
_ROOTS = ("functions", "layers/shared")

#: What a copy shares with the tree: DynamoDB Local.
_SHARED = ".local/npm"


class Unfit(Exception):
    """Mutants that can't be tried as they are."""


class Copy:
    """A copy of all files that are committed, or are about to be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                # With its time: bytecode is told from that of a mutant by it.
                shutil.copy2(ROOT / name, folder / name)
        (folder / _SHARED).parent.mkdir(parents=True, exist_ok=True)
        (folder / _SHARED).symlink_to(ROOT / _SHARED)

    def test(self, tests: Iterable[str], *options: str, timeout: float | None = None) -> tuple[int, str]:
        """Run tests in this copy; return pytest's exit code (that of a failure for a timeout), and what it says."""
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", *options, *tests]
        # The folder is the copy's own, and so are the modules: no path of this process may lead to others.
        environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "MAKEFLAGS"}}
        environment["SOAK"] = "2"  # all of what is otherwise sampled
        try:
            done = subprocess.run(
                command,
                cwd=self._folder,
                env=environment,
                timeout=timeout,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _FAILED, f"(no end after {timeout:.0f} s)"
        return done.returncode, done.stdout

    @contextmanager
    def broken(self, mutant: Mutant) -> Iterator[None]:
        """Apply a mutant while the context lasts."""
        path = self._folder / mutant.file
        path.write_text(path.read_text().replace(mutant.old, mutant.new))
        try:
            yield
        finally:
            shutil.copy2(ROOT / mutant.file, path)


def unfit(mutants: Sequence[Mutant]) -> list[str]:
    """Return all that does not fit the code: texts that are not in their file exactly once, tests that do not exist."""
    modules = {
        str(path.relative_to(ROOT)): path.read_text() for root in _ROOTS for path in sorted((ROOT / root).rglob("*.py"))
    }
    faults = []
    for mutant in mutants:
        if (times := modules.get(mutant.file, "").count(mutant.old)) != 1:
            found = ", ".join(file for file, text in modules.items() if mutant.old in text) or "no file"
            faults.append(
                f"{mutant.breaks}: {times} times in {mutant.file}, not once; {found} has it:\n    {mutant.old}"
            )
        faults += [f"{mutant.breaks}: {name} does not exist" for name in mutant.tests if not (ROOT / name).is_file()]
    return faults


def survivors(mutants: Sequence[Mutant], jobs: int) -> list[Mutant]:
    """Try each mutant and return those that no test noticed; raises `Unfit` for one of which that can't be said."""
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(jobs):
            copies.put(Copy(Path(folder, str(number))))

        def try_out(mutant: Mutant) -> tuple[bool, str]:
            copy, started = copies.get(), time.monotonic()
            try:
                with copy.broken(mutant):
                    code, said = copy.test(mutant.tests, "-x", timeout=_TIMEOUT_SECONDS)
            finally:
                copies.put(copy)
            killer = next((line for line in said.splitlines() if line.startswith(("FAILED", "ERROR", "("))), "")
            # Python itself ends with the code of a failure, too.
            if code not in {_PASSED, _FAILED} or (code == _FAILED and not killer):
                raise Unfit(f"{mutant.breaks}: the tests can't run (exit code {code}):\n{said}")
            print(
                f"{'survived' if code == _PASSED else 'killed  '} {time.monotonic() - started:5.1f} s  {mutant.breaks}"
                f"{'' if code == _PASSED else f'  [{killer[:150]}]'}",
                flush=True,
            )
            return code == _PASSED, mutant.breaks

        copy = copies.get()
        code, said = copy.test(sorted({name for mutant in mutants for name in mutant.tests}), f"-n{jobs}")
        copies.put(copy)
        if code != _PASSED:
            raise Unfit(f"the tests fail without a mutant:\n{said}")
        with ThreadPoolExecutor(jobs) as pool:
            outcomes = list(pool.map(try_out, mutants))
    return [mutant for mutant, (survived, _) in zip(mutants, outcomes, strict=True) if survived]


def main(words: str) -> int:
    """Try the mutants whose names hold these words, and say what came of it."""
    mutants = [mutant for mutant in MUTANTS if words in mutant.breaks]
    jobs = max(1, min(len(mutants), int(os.environ.get("JOBS") or os.cpu_count() or 1)))
    if faults := unfit(mutants):
        print("\n".join(faults))
        return 2
    try:
        survived = survivors(mutants, jobs)
    except Unfit as reason:
        print(reason)
        return 2
    for mutant in survived:
        print(f"survivor: {mutant.breaks} ({mutant.file}: no test fails in {', '.join(mutant.tests)})")
    print(f"{len(mutants) - len(survived)} of {len(mutants)} mutants killed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
