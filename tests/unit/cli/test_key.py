"""`key`: what is printed lets its user in."""

from hashlib import sha256

import yaml

from emo_hallo_ray.settings import Settings


def test_a_key_comes_with_the_setting_that_lets_it_in(run):
    key, setting = run("key").stdout.splitlines()

    settings = Settings.model_validate(yaml.safe_load(setting))
    assert settings.access.api_key_hashes == (sha256(key.encode()).hexdigest(),)


def test_keys_are_long_and_different(run):
    keys = {run("key").stdout.splitlines()[0] for _ in range(10)}

    assert len(keys) == 10
    assert min(map(len, keys)) >= 40


def test_the_explanations_stay_out_of_what_programs_read(run):
    result = run("key")

    assert "Bearer" in result.stderr
    assert "Bearer" not in result.stdout
