import numpy as np
import pytest

from tools.visemes import degrade as d

RATE_HZ = 16_000


@pytest.fixture
def speech() -> np.ndarray:
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * 220 * time_s) * (time_s % 0.5 < 0.3)).astype(np.float32)


@pytest.mark.parametrize("noise", [d.white, d.pink, d.hum, d.bursts, d.music])
def test_noises_have_the_length_and_level_that_was_asked_for(noise: d.Noise) -> None:
    sound = noise(RATE_HZ, np.random.default_rng(0))

    assert sound.dtype == np.float32
    assert len(sound) == RATE_HZ
    assert np.sqrt(np.square(sound).mean()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("snr_db", [5, 20])
def test_noise_is_so_much_fainter_than_speech_without_its_pauses(speech: np.ndarray, snr_db: float) -> None:
    noise = d.white(len(speech), np.random.default_rng(0))

    added = d.mix(speech, noise, snr_db) - speech

    assert 20 * np.log10(0.3 / np.sqrt(2) / np.sqrt(np.square(added).mean())) == pytest.approx(snr_db, abs=0.3)


def test_room_goes_on_sounding_and_keeps_the_time(speech: np.ndarray) -> None:
    wet = d.add_room(speech, 0.5, 6, np.random.default_rng(0))

    pause = slice(int(0.35 * RATE_HZ), int(0.45 * RATE_HZ))
    assert np.abs(wet[pause]).max() > 10 * np.abs(speech[pause]).max()
    assert np.corrcoef(wet, speech)[0, 1] > 0.8


def test_telephone_takes_the_highest_tones() -> None:
    tone = np.sin(2 * np.pi * 6000 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)

    assert np.abs(d.limit_band(tone, 300, 3400)[2000:-2000]).max() < 0.1


def test_longer_vocal_tract_lowers_all_frequencies() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)

    warped = d.warp_vocal_tract(tone, 0.8)

    assert len(warped) == RATE_HZ / 0.8
    assert np.abs(np.fft.rfft(warped[:RATE_HZ])).argmax() == pytest.approx(800, abs=1)


def test_clipping_flattens_the_peaks(speech: np.ndarray) -> None:
    assert np.abs(d.clip(speech, 0.4)).max() == pytest.approx(0.4 * np.abs(speech).max())


def test_equal_seeds_degrade_equally_and_within_full_scale(speech: np.ndarray) -> None:
    first, second = (d.degrade(speech, speech, np.random.default_rng(7)) for _ in range(2))
    sounds: list[np.ndarray] = [d.degrade(speech, speech, np.random.default_rng(seed)) for seed in range(20)]

    assert np.array_equal(first, second)
    assert all(np.abs(sound).max() <= 1 and np.isfinite(sound).all() for sound in sounds)


def test_equalizer_changes_the_colour_but_not_the_time(speech: np.ndarray) -> None:
    equalized = d.equalize(speech, np.random.default_rng(0))

    assert len(equalized) == len(speech)
    assert np.abs(equalized[int(0.35 * RATE_HZ) : int(0.45 * RATE_HZ)]).max() < 0.01
    assert not np.allclose(equalized, speech, atol=0.01)
