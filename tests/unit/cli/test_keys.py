"""`keys new`: a key, and the setting that lets it in."""

from hashlib import sha256

import yaml

from emo_hallo_ray.settings import Settings


def test_a_new_key_comes_with_the_setting_that_lets_it_in(run):
    key, setting = run("keys", "new").stdout.splitlines()

    settings = Settings.model_validate(yaml.safe_load(setting))
    assert settings.access.api_key_hashes == (sha256(key.encode()).hexdigest(),)


def test_keys_are_long_and_different(run):
    keys = {run("keys", "new").stdout.splitlines()[0] for _ in range(10)}

    assert len(keys) == 10
    assert min(map(len, keys)) > 40


def test_the_key_is_on_stdout_and_the_explanations_are_not(run):
    result = run("keys", "new")

    assert "Bearer" in result.stderr
    assert "Bearer" not in result.stdout
