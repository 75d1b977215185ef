"""What is left of other programs' words."""

import pytest

from emo_hallo_ray.redaction import without_folders


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/data/tasks/1f0c/inputs/audio: Invalid data", "audio: Invalid data"),
        ("Impossible to open 'file:/data/t/segments/0-1.mp4'", "Impossible to open '0-1.mp4'"),
        ('No such file: "/home/somebody/.cache/x.bin"', 'No such file: "x.bin"'),
        (
            "cannot identify <_io.BytesIO object at 0x7f1c2a3b>",
            "cannot identify <_io.BytesIO object>",
        ),
        ("[mov,mp4,m4a @ 0x55d0c0] moov atom not found", "[mov,mp4,m4a] moov atom not found"),
        ("at 3/4 of hallo2/net.pth", "at 3/4 of hallo2/net.pth"),
        ("see https://example.org/a/b and ./c/d", "see https://example.org/a/b and ./c/d"),
        ("exit status 1", "exit status 1"),
    ],
)
def test_files_keep_their_names_and_lose_their_folders(text: str, left: str) -> None:
    assert without_folders(text) == left
