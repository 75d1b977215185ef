"""`python -m emo_hallo_ray.cli`, for where the `emo-hallo` script is not on the path."""

from emo_hallo_ray.cli import app

app()
