"""The logger of this application: Serve shows it on the console, keeps it in files and in the Ray dashboard."""

import logging

# records of any other logger would end in a worker's private output
logger = logging.getLogger("ray.serve")
