"""The time left by what pieces were expected to take and by what ended ones took; times worked out by hand."""

from __future__ import annotations

from terminal.time_left import Piece, TimeLeft


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def begun(workers, pieces, later=()):
    clock = Clock()
    left = TimeLeft(workers, clock)
    left.plan(pieces, later)
    return left, clock


def end(left, clock, name, at, seconds):
    clock.now = at
    left.ended(name, seconds)


def test_before_anything_ends_the_plan_counts():
    left, _ = begun(1, {"a": Piece("a", "k", 3.0, start=2.0), "b": Piece("b", "k", 5.0, start=2.0)})
    assert left.seconds == 3 + 5 + 2


def test_a_machine_half_as_fast_takes_twice_as_long():
    left, clock = begun(1, {name: Piece(name, "k", seconds) for name, seconds in (("a", 4.0), ("b", 6.0))})
    end(left, clock, "a", 8, 8)
    assert left.seconds == 12


def test_an_equal_piece_takes_what_the_other_took_without_its_start():
    left, clock = begun(1, {one: Piece("cell", "k", 1.0, start=1.0) for one in range(4)})
    end(left, clock, 0, 30, 30)
    end(left, clock, 1, 33, 3)
    assert left.seconds == 2 * 3


def test_two_workers_share_the_rest_and_what_is_in_hand_is_partly_done():
    left, clock = begun(2, {name: Piece(name, "k", 10.0) for name in "abcd"})
    end(left, clock, "a", 10, 10)
    # b has 10 s behind it and ends now; c and d continue side by side.
    assert left.seconds == 10


def test_the_longest_piece_bounds_the_time_left():
    left, clock = begun(2, {"long": Piece("long", "k", 30.0), "short": Piece("short", "k", 10.0)})
    end(left, clock, "short", 10, 10)
    assert left.seconds == 20


def test_a_start_that_one_worker_makes_for_all_is_counted_once():
    clock = Clock()
    left = TimeLeft(2, clock, starts=1)
    left.plan({name: Piece(name, "k", 10.0, start=5.0) for name in "abcd"})
    assert left.seconds == (4 * 10 + 5) / 2


def test_every_worker_makes_a_start_of_its_own():
    left, clock = begun(2, {name: Piece(name, "k", 10.0, start=5.0) for name in "abc"})
    end(left, clock, "a", 15, 15)
    # Of 10 + 5 and 10 seconds, 15 are done.
    assert left.seconds == 10


def test_rounds_to_come_count():
    left, clock = begun(1, {"a": Piece("a", "k", 4.0)}, later=[Piece("b", "k", 6.0), Piece("c", "other", 1.0)])
    end(left, clock, "a", 2, 2)
    assert left.seconds == 3.5


def test_nothing_is_left_in_the_end():
    left, clock = begun(2, {"a": Piece("a", "k", 0.0)})
    end(left, clock, "a", 1, 1)
    assert left.seconds == 0


def test_pieces_that_ended_elsewhere_give_the_speed_and_not_what_an_equal_piece_takes():
    left, _ = begun(2, {"a": Piece("cell", "k", 10.0, start=5.0)})
    # The first of each worker had a start, so 15 + 15 + 10 seconds were expected and 80 were taken.
    left.learn([(Piece("cell", "k", 10.0, start=5.0), 30.0), (Piece("cell", "k", 10.0, start=5.0), 30.0),
                (Piece("cell", "k", 10.0, start=5.0), 20.0)])  # fmt: skip
    assert left.seconds == 2 * (10 + 5)
