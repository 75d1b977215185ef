"""Warns where the service can be reached by others and asks nobody for a key."""

from ipaddress import ip_address

from ray.serve.context import _get_global_client

from deployments.logs import logger

WARNING = """
****************************************************************************************************
  THIS SERVICE LISTENS ON %s AND ASKS FOR NO API KEY.
  Whoever reaches it can read and delete everybody's pictures, recordings and videos.
  Make a key with `emo-hallo key` and set access.api_key_hashes, or set http_options.host to 127.0.0.1.
****************************************************************************************************"""


def warn_if_open(has_keys: bool) -> None:
    """Say so loudly, at start; does nothing where keys are configured or only this machine can connect."""
    host = _bound_host()
    if not has_keys and not is_loopback(host):
        logger.warning(WARNING, host)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that is bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _bound_host() -> str:
    # there is no public way to learn it; `pyproject.toml` holds Ray to one minor version
    return str(_get_global_client().http_config.host)
