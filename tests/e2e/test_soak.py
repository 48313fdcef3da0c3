"""A minute of the soak: no error, and nothing runs away. ``make soak`` takes half an hour."""

import json
import subprocess
import sys

import pytest

from benchmarks.load import OPERATIONS
from configs import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
GROSS = {"api_rss_mb_max": 1500, "children_rss_mb_max": 3000, "descriptors_max": 500}


def test_a_minute_of_mixed_load_meets_no_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--minutes", "1", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    results = json.loads(done.stdout.splitlines()[-1])["results"]
    assert (results["errors"], results["log_errors"]) == (0, 0)
    assert results["operations"] >= len(OPERATIONS)
    assert {name: results[name] for name in GROSS if results[name] > GROSS[name]} == {}
    assert results["threads_max"] < 200
