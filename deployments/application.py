"""The application with settings from EMO_HALLO_ variables alone: for `serve build`, which takes no builder."""

from deployments.app import build
from emo_hallo_ray.settings import read_settings

app = build(read_settings())
