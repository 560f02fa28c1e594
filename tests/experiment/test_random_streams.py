"""Random streams: no two uses, places or seeds share numbers."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from experiment.random_streams import Stream, stream_digest, stream_generator, stream_seed

PLACES = [(), (0,), (1,), (0, 0), (0, 1), (10,), (1, 0), ("1", 0), ("a",), ("a", 0), ("a/0",), (0, "a")]


def test_no_two_uses_share_a_stream():
    begun = {}
    for seed, stream, place in itertools.product((0, 1, 10, 2022), Stream, PLACES):
        first = stream_generator(seed, stream, *place).integers(2**63)
        assert begun.setdefault(first, (seed, stream, place)) == (seed, stream, place)
    assert len(begun) == 4 * len(Stream) * len(PLACES)


@given(st.integers(0, 2**40), st.sampled_from(Stream), st.lists(st.integers(0, 9) | st.text(max_size=3), max_size=3))
def test_a_stream_is_fixed_by_seed_use_and_place(seed, stream, place):
    assert stream_digest(seed, stream, *place) == stream_digest(seed, stream, *place)
    assert stream_digest(seed, stream, *place) != stream_digest(seed + 1, stream, *place)
    assert 0 <= stream_seed(seed, stream, *place) < 2**32
