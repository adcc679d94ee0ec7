"""A barrier whose last member acts: nobody goes on before, and whoever waits can be let go."""

import threading
import time

import pytest

from mlp.meeting import Meeting


def run(members, member):
    """Run members in threads of their own; return what each has raised."""
    raised = [None] * members

    def guarded(number):
        try:
            member(number)
        except BaseException as error:
            raised[number] = error

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(members)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    return raised


@pytest.mark.parametrize("members", [1, 2, 5])
def test_nobody_goes_on_before_the_action_of_that_meeting_is_done(members):
    steps, done, seen = 300, [], [[] for _ in range(members)]
    come = [0]

    def action():
        assert come[0] == members * (len(done) + 1)
        done.append(len(done))

    meeting = Meeting(members, action)
    mutex = threading.Lock()

    def member(number):
        for _ in range(steps):
            with mutex:
                come[0] += 1
            meeting.wait()
            seen[number].append(len(done))

    assert run(members, member) == [None] * members
    assert done == list(range(steps))
    # The next meeting cannot be done while a member has not yet looked.
    assert seen == [list(range(1, steps + 1))] * members


def test_who_waits_is_let_go_with_an_error_and_so_is_who_comes_later():
    meeting = Meeting(3, lambda: pytest.fail("not all were there"))

    def member(number):
        if number == 2:
            time.sleep(0.05)
            meeting.abort()
        meeting.wait()

    assert [type(one) for one in run(3, member)] == [threading.BrokenBarrierError] * 3


def test_whoever_is_interrupted_while_waking_the_others_can_still_let_them_go(monkeypatch):
    meeting, waking = Meeting(3, lambda: None), []

    def interrupted(gates):
        waking.append(gates)
        raise KeyboardInterrupt

    monkeypatch.setattr("mlp.meeting._wake", interrupted)

    def member(number):
        if number == 2:
            while len(meeting._gates) < 2:
                time.sleep(0.001)
        try:
            meeting.wait()
        except KeyboardInterrupt:
            monkeypatch.undo()
            meeting.abort()
            raise

    kinds = sorted(type(one).__name__ for one in run(3, member))
    assert kinds == ["BrokenBarrierError", "BrokenBarrierError", "KeyboardInterrupt"]


def test_an_action_that_fails_ends_the_meeting_for_all():
    meeting = Meeting(3, lambda: 1 / 0)
    raised = run(3, lambda number: meeting.wait())
    assert sorted(type(one).__name__ for one in raised) == [
        "BrokenBarrierError",
        "BrokenBarrierError",
        "ZeroDivisionError",
    ]


def test_who_gives_up_while_the_action_runs_changes_nothing_of_it():
    begun, end, meeting = threading.Event(), threading.Event(), None

    def action():
        begun.set()
        end.wait(60)

    meeting = Meeting(2, action)

    def member(number):
        if number == 2:
            begun.wait(60)
            meeting.abort()
            end.set()
        else:
            meeting.wait()

    kinds = [type(one) for one in run(3, member)]
    assert kinds.count(threading.BrokenBarrierError) == 1
    with pytest.raises(threading.BrokenBarrierError):
        meeting.wait()
