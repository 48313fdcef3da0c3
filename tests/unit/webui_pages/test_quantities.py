import pytest

from webui_pages.quantities import size


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (30_400, "30 KB"),
        (1_500_000, "1.5 MB"),
        (2_000_000_000, "2.0 GB"),
        (5_000_000_000_000, "5000.0 GB"),
    ],
)
def test_a_size_has_a_unit_that_people_read(count: int, shown: str) -> None:
    assert size(count) == shown
