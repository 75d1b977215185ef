"""From HTTP answers to results and typed errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from emo_hallo import errors
from emo_hallo.models import Configuration, Task

ERROR_CLASSES: dict[int, type[errors.ApiError]] = {
    401: errors.Unauthorized,
    403: errors.Unauthorized,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    429: errors.RateLimited,
    503: errors.ServiceUnavailable,
}


@contextmanager
def translated_errors(base_url: str, timeout_s: float) -> Iterator[None]:
    """Turn httpx's failures inside the block into ours."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise errors.ConnectionFailed(f"{base_url} was silent for more than {timeout_s:g} s") from error
    except httpx.TransportError as error:
        hint = "is the service running there?" if isinstance(error, httpx.ConnectError) else None
        raise errors.ConnectionFailed(f"no complete answer from {base_url}: {error}", hint) from error
    except (httpx.RequestError, httpx.InvalidURL) as error:
        raise errors.UnexpectedResponse(f"{base_url} gave an answer that cannot be read: {error}") from error


def api_error(response: httpx.Response) -> errors.ApiError:
    """The typed error for an answer outside 2xx. Its body needs to have been read."""
    body = _error_body(response)
    return _error_class(response.status_code)(
        body.get("detail") or _describe(response),
        hint=body.get("hint"),
        status_code=response.status_code,
        error_code=body.get("error_code"),
        request_id=response.headers.get("X-Request-ID"),
        retry_after_s=_retry_after_s(response),
    )


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in the body.

    Raises:
        UnexpectedResponse: there is none, as when a web page answers.
    """
    try:
        data = response.json()
    except ValueError as error:
        raise _unexpected(response, "the body is not JSON") from error
    if not isinstance(data, dict):
        raise _unexpected(response, f"the body is a JSON {type(data).__name__}, not an object")
    return data


def task_id(response: httpx.Response) -> str:
    """The id of the task that was created."""
    return str(_value(response, "task_id"))


def task(response: httpx.Response) -> Task:
    """One task."""
    try:
        return Task.from_json(json_object(response))
    except TypeError as error:
        raise _unexpected(response, "the body does not describe a task") from error


def task_page(response: httpx.Response) -> tuple[list[Task], str | None]:
    """The tasks of one page, in the service's order, and the cursor of the next page."""
    by_id = _value(response, "tasks")
    try:
        page = [Task.from_json(data) for data in by_id.values()]
    except (AttributeError, TypeError) as error:
        raise _unexpected(response, "'tasks' does not hold tasks") from error
    return page, json_object(response).get("next_cursor")


def logs(response: httpx.Response) -> str:
    """The text of a log."""
    return str(_value(response, "logs"))


def configuration(response: httpx.Response) -> Configuration:
    """The defaults of new tasks."""
    return Configuration(
        guidance_scale=_value(response, "guidance_scale"),
        inference_steps=_value(response, "inference_steps"),
        enable_cache=_value(response, "enable_cache"),
        preset=json_object(response).get("preset", "quality"),  # a service that has no presets is exact
    )


def _value(response: httpx.Response, key: str) -> Any:
    try:
        return json_object(response)[key]
    except KeyError as error:
        raise _unexpected(response, f"the body lacks {key!r}") from error


def _unexpected(response: httpx.Response, why: str) -> errors.UnexpectedResponse:
    return errors.UnexpectedResponse(
        f"{response.request.url} gave an answer that this API does not give: {why}", "is base_url right?"
    )


def _error_class(status_code: int) -> type[errors.ApiError]:
    fallback = errors.ServerError if status_code >= 500 else errors.BadRequest
    return ERROR_CLASSES.get(status_code, fallback)


def _error_body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}  # a proxy's page: the status line has to do
    return body if isinstance(body, dict) else {}


def _describe(response: httpx.Response) -> str:
    answer = f"{response.request.url} answered {response.status_code} {response.reason_phrase}".rstrip()
    location = response.headers.get("Location")
    return answer if location is None else f"{answer} to {location}; set base_url to where the service is"


def _retry_after_s(response: httpx.Response) -> float | None:
    """Only the form in seconds: after a date, as some proxies send, the usual backoff is as good."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None
