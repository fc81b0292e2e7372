"""The mutants fit the code as it is, so that `make mutants` can break it. Where code moves, they have to follow."""

from collections import Counter

from tests.mutants.__main__ import unfit
from tests.mutants.table import MUTANTS, Mutant

A_MUTANT = MUTANTS[0]


def test_each_text_is_in_its_file_exactly_once_and_each_test_exists() -> None:
    assert "\n".join(unfit(MUTANTS)) == ""


def test_each_name_is_of_one_mutant() -> None:
    assert [name for name, times in Counter(mutant.breaks for mutant in MUTANTS).items() if times > 1] == []


def test_each_mutant_changes_something() -> None:
    assert [mutant.breaks for mutant in MUTANTS if mutant.old == mutant.new] == []


def test_a_text_that_has_moved_is_named_with_the_file_that_has_it() -> None:
    [fault] = unfit([A_MUTANT._replace(file="functions/api/moved.py")])

    assert "0 times in functions/api/moved.py" in fault
    assert f"{A_MUTANT.file} has it" in fault


def test_a_text_that_is_there_twice_is_named() -> None:
    [fault] = unfit([A_MUTANT._replace(old="import ")])

    assert "not once" in fault


def test_a_test_that_does_not_exist_is_named() -> None:
    mutant: Mutant = A_MUTANT._replace(tests=("tests/unit/test_nothing.py",))

    assert unfit([mutant]) == [f"{mutant.breaks}: tests/unit/test_nothing.py does not exist"]
