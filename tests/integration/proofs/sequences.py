"""Runs any sequence of what a state machine does, by which a model is held against the table."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def run(machine: type[RuleBasedStateMachine], soak: int, *, examples: int, steps: int) -> None:
    """Run so many sequences of up to so many steps: the same ones each time, or with `make soak` others, and more."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples * soak,
            stateful_step_count=steps,
            deadline=None,
            derandomize=soak == 1,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
