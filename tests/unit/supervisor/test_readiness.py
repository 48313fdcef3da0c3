"""Readiness and patience."""

from server.supervisor.readiness import Patience, Readiness, make_client, probe
from tests.unit.supervisor.conftest import free_port


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_slow_start_that_gets_on_is_never_given_up() -> None:
    clock = Clock()
    patience = Patience(120, clock=clock)

    for progress in range(20):
        clock.now += 100
        patience.note(progress, "loading")

    assert not patience.is_exhausted


def test_a_start_without_progress_is_given_up_after_the_limit() -> None:
    clock = Clock()
    patience = Patience(120, clock=clock)
    patience.note(1, "loading")

    clock.now += 121
    patience.note(1, "loading")

    assert patience.is_exhausted


def test_no_answer_is_not_ready() -> None:
    with make_client("en") as client:
        answer = probe(client, f"http://127.0.0.1:{free_port()}/readyz")

    assert answer == Readiness(is_ready=False)
