"""Figures of hours that are kept in memory: as many as there is room for."""

from uuid import UUID

from reporting.adapters.response_times import KnownHours
from reporting.domain.response_times import ResponseFigure

ONE, TWO, THREE = ((UUID(int=number),) for number in (1, 2, 3))
FIGURE = ResponseFigure(1, 2, 3, 4)


def test_the_hour_that_was_not_asked_for_the_longest_is_forgotten_first() -> None:
    hours = KnownHours(most=4)
    hours.keep(ONE, {UUID(int=0): FIGURE})
    hours.keep(TWO, {UUID(int=0): FIGURE})
    assert hours.get(ONE) == {UUID(int=0): FIGURE}
    hours.keep(THREE, {UUID(int=0): FIGURE})
    assert [hours.get(each) is not None for each in (ONE, TWO, THREE)] == [True, False, True]


def test_an_hour_with_more_figures_than_there_is_room_for_is_not_kept() -> None:
    hours = KnownHours(most=4)
    hours.keep(ONE, {UUID(int=number): FIGURE for number in range(4)})
    assert hours.get(ONE) is None
    hours.keep(TWO, {})
    assert hours.get(TWO) == {}, "an hour without a figure is known too"


def test_an_hour_that_is_kept_twice_takes_room_once() -> None:
    hours = KnownHours(most=4)
    hours.keep(ONE, {UUID(int=0): FIGURE})
    for _ in range(3):
        hours.keep(TWO, {UUID(int=0): FIGURE})
    assert hours.get(ONE) is not None
