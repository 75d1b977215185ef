"""`key`: what is printed lets its user in."""

from hashlib import sha256


def test_the_hash_belongs_to_the_key_and_no_two_keys_are_equal(run):
    outputs = [run("key").stdout.splitlines() for _ in range(2)]

    for shown, setting in outputs:
        key = shown.removeprefix("key (shown only here): ")
        assert len(key) >= 40
        assert setting == f"access.api_key_hashes: {sha256(key.encode()).hexdigest()}"
    assert outputs[0] != outputs[1]
