"""Whether strangers can reach a service that asks for no key, and what to say about it at start."""

import asyncio
from ipaddress import ip_address

from ray.serve.context import _get_global_client

from deployments.logs import logger

WARNING = """\
ANYBODY WHO CAN REACH THIS MACHINE CAN USE THIS SERVICE AND SEE EVERYBODY'S PORTRAITS, RECORDINGS AND VIDEOS.
  HTTP listens on {host}, which is more than this machine, and no API keys are configured. Do one of these:
  - make a key with `emo-hallo key` and put the line that it prints under `args` in serve_config.yaml
  - set http_options.host to 127.0.0.1 in serve_config.yaml
  - keep it like this only where a firewall or a proxy with a login stands in front; docs/SECURITY.md says more"""


async def warn_if_open(has_keys: bool) -> None:
    """Write the warning to the log where it is due."""
    if has_keys:
        return
    try:
        host = await asyncio.to_thread(_http_host)
    except Exception as error:  # Ray's inner parts may change: that is no reason not to start
        logger.warning("could not find out where HTTP listens, and no API keys are configured: %s", error)
        return
    if not is_loopback(host):
        for line in WARNING.format(host=host or "every interface").splitlines():
            logger.warning(line)  # one record a line, so that each is marked as a warning


def is_loopback(host: str | None) -> bool:
    """Whether only this machine can reach that address; a name that is not `localhost` may lead anywhere."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _http_host() -> str | None:
    """As the controller has it, however Serve was started; None is every interface. Ray has no public way to ask."""
    host: str | None = _get_global_client().http_config.host
    return host
