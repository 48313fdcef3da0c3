"""Every moment at which the disk changes for good has a fault point, and every point a name."""

from collections import Counter

from tests.crash.points import DURABLE, SERVER, durable_calls, named_points, nameless
from tests.crash.reasons import NO_POINT_NEEDED, UNREACHED


def test_every_fault_point_has_a_name_of_its_own() -> None:
    named = Counter(place.what for place in named_points(SERVER))
    assert {name: count for name, count in named.items() if count > 1} == {}


def test_every_fault_point_is_named_where_it_stands() -> None:
    from_the_name_of_a_change = "server/db/database.py: write: "
    places = [str(place) for place in nameless(SERVER)]
    assert [place for place in places if not place.startswith(from_the_name_of_a_change)] == []


def test_a_fault_point_stands_beside_every_change_of_the_disk() -> None:
    missing = {str(place) for place, has_point in durable_calls(*DURABLE) if not has_point}
    assert missing - set(NO_POINT_NEEDED) == set()
    assert set(NO_POINT_NEEDED) - missing == set(), "reasons for places that are gone"


def test_every_point_that_no_scenario_reaches_exists() -> None:
    assert set(UNREACHED) <= {place.what for place in named_points(SERVER)}
