"""A stream in windows: everything comes out once, in order, with neighbours to look at."""

import pytest

from emo_hallo_ray.super_resolution.windows import N_OVERLAP, N_WINDOW, Window, WindowCutter
from tests.unit.hallo2 import golden


def cut(n_frames: int, pushed_at_once: int) -> list[Window[int]]:
    cutter: WindowCutter[int] = WindowCutter()
    windows = []
    for start in range(0, n_frames, pushed_at_once):
        windows += cutter.push(range(start, min(start + pushed_at_once, n_frames)))
    return windows + cutter.finish()


@pytest.mark.parametrize("n_frames", [1, 15, 16, 17, 28, 29, 43, 100])
@pytest.mark.parametrize("pushed_at_once", [1, 16, 40])
def test_every_frame_comes_out_once_and_in_order(n_frames: int, pushed_at_once: int):
    windows = cut(n_frames, pushed_at_once)
    assert [item for window in windows for item in window.items[window.n_known :]] == list(range(n_frames))


@pytest.mark.parametrize("n_frames", [16, 17, 29, 100])
def test_windows_are_full_and_consecutive_and_overlap_by_four_at_least(n_frames: int):
    windows = cut(n_frames, 16)
    assert all(len(window.items) == N_WINDOW for window in windows)
    assert all(list(w.items) == list(range(w.items[0], w.items[0] + N_WINDOW)) for w in windows)
    assert all(window.n_known >= N_OVERLAP for window in windows[1:])


def test_full_windows_lie_where_the_originals_do():
    for row in [row for row in golden.chunks() if row["used_frames"] >= N_WINDOW]:
        originals = [(first, end) for first, end in row["chunks"] if end - first == N_WINDOW]
        ours = [(w.items[0], w.items[-1] + 1) for w in cut(row["used_frames"], 16)]
        assert ours[: len(originals)] == originals


def test_frames_wait_for_no_more_than_a_window():
    cutter: WindowCutter[int] = WindowCutter()
    for frame in range(200):
        cutter.push([frame])
        assert len(cutter.waiting) < N_WINDOW
        assert len(cutter.known) < N_WINDOW


def test_a_stream_goes_on_after_its_end_with_the_overlap_known():
    cutter: WindowCutter[int] = WindowCutter()
    cutter.push(range(20))
    cutter.finish()
    assert cutter.known == [16, 17, 18, 19]
    window = WindowCutter(cutter.known).push(range(20, 32))[0]
    assert list(window.items) == list(range(16, 32))
    assert window.n_known == N_OVERLAP
