"""The benchmark of ingestion, in small: it runs to its end and reports what it promises."""

import json
import subprocess
import sys

import pytest

from configs import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PROMISED = {
    *("file4k_at0_cpu_ms", "file4k_at100k_cpu_ms", "growth_ratio", "delete_growth_ratio"),
    *("file4k_hashing_at0_cpu_ms", "hashing_growth_ratio", "text5mb_vs_unstructured_ratio"),
    *("chunks_per_s", "chunks_per_s_vs_one_by_one_ratio", "rss_mb"),
}
STAGES = ("read", "split", "embed", "store", "index", "rest")


def test_a_quick_run_reports_every_figure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ingest", "--quick", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    results = json.loads(done.stdout.splitlines()[-1])["results"]
    assert results.keys() >= PROMISED
    assert all(results[name] > 0 for name in PROMISED)
    for kind in ("share", "share_lexical"):
        assert sum(results[f"{kind}.{stage}"] for stage in STAGES) == pytest.approx(100, abs=0.1)
