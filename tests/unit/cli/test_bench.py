"""`bench` with the real preview engine."""

import json


def test_bench_measures_the_preview_engine(run, monkeypatch, tmp_path):
    monkeypatch.setenv("EMO_HALLO_STORAGE__ROOT", str(tmp_path))
    result = run("bench", "--seconds=1", "--engine=preview", "--json")

    [measured] = json.loads(result.stdout)
    assert (result.exit_code, measured["engine"], measured["n_frames"]) == (0, "preview", 25)
    assert abs(measured["frames_per_second"] * measured["next_s"] - 25) < 0.5
    assert abs(measured["real_time_factor"] - measured["next_s"] / measured["video_s"]) < 0.01
    assert {"preprocessing", "speech", "sound", "generation", "encoding", "joining"} == measured["stage_seconds"].keys()
    assert measured["peak_bytes"] > 50e6


def test_bench_prints_a_table(run, monkeypatch, tmp_path):
    monkeypatch.setenv("EMO_HALLO_STORAGE__ROOT", str(tmp_path))
    result = run("bench", "--seconds=0.6", "--engine=preview")

    assert result.exit_code == 0
    for word in ("preview", "frames a second", "real-time factor", "generation", "MB"):
        assert word in result.stdout


def test_bench_says_which_engine_cannot_run_here(run, monkeypatch, tmp_path):
    monkeypatch.setenv("EMO_HALLO_WEIGHTS__ROOT", str(tmp_path))
    result = run("bench", "--engine=hallo2")

    assert result.exit_code == 2
    assert "weights are missing" in result.stderr
