from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from snakeden._link.slab_space import SlabSpace

PAGE = 4096


def test_allocate_takes_the_lowest_gap_that_is_large_enough() -> None:
    space = SlabSpace(6 * PAGE)
    assert [space.allocate(n) for n in (1, PAGE, 2 * PAGE)] == [0, PAGE, 2 * PAGE]
    space.release(0)
    space.release(2 * PAGE)
    assert space.allocate(PAGE + 1) == 2 * PAGE
    assert space.allocate(PAGE) == 0
    assert space.allocate(3 * PAGE) is None
    assert space.allocate(2 * PAGE) == 4 * PAGE


def test_allocate_reserves_a_page_for_zero_bytes() -> None:
    space = SlabSpace(2 * PAGE)
    assert [space.allocate(0) for _ in range(3)] == [0, PAGE, None]


def test_allocate_ignores_a_partial_page_at_the_end() -> None:
    space = SlabSpace(2 * PAGE - 1)
    assert space.allocate(PAGE + 1) is None
    assert space.allocate(PAGE) == 0


def test_release_ignores_a_place_that_is_not_in_use() -> None:
    space = SlabSpace(4 * PAGE)
    offset = space.allocate(2 * PAGE)
    assert offset == 0
    assert space.allocate(PAGE) == 2 * PAGE
    assert not space.release(PAGE)
    assert not space.release(99)
    assert space.release(offset)
    assert not space.release(offset)
    assert space.release(2 * PAGE)
    assert space.allocate(4 * PAGE) == 0


steps = st.lists(
    st.one_of(
        st.tuples(st.just("allocate"), st.integers(0, 9 * PAGE)),
        st.tuples(st.just("release"), st.integers(0, 40)),
    ),
    max_size=100,
)


@given(st.integers(1, 40 * PAGE), steps)
def test_places_stay_apart_and_inside(nbytes: int, script: list[tuple[str, int]]) -> None:
    space = SlabSpace(nbytes)
    places: dict[int, int] = {}
    for step, number in script:
        if step == "release":
            offset = number * PAGE
            assert space.release(offset) == (places.pop(offset, None) is not None)
            continue
        place = space.allocate(number)
        pages = max(1, -(-number // PAGE))
        if place is None:
            assert largest_gap(places, nbytes) < pages
            continue
        assert place % PAGE == 0
        assert place + number <= nbytes
        for other, length in places.items():
            assert place + pages * PAGE <= other or other + length * PAGE <= place
        places[place] = pages
    assert len(space) == len(places)
    for offset in places:
        space.release(offset)
    whole = nbytes // PAGE * PAGE
    assert space.allocate(whole) == (0 if whole else None)


def largest_gap(places: dict[int, int], nbytes: int) -> int:
    """Return the size of the largest gap between places, in pages."""
    end = largest = 0
    for offset, pages in (*sorted(places.items()), (nbytes, 0)):
        largest = max(largest, (offset - end) // PAGE)
        end = offset + pages * PAGE
    return largest
