"""The client library.

client = Hallo2Client(base_url="http://localhost:8001")
task_id = client.inference(image_path="person.jpg", audio_path="speech.wav")
client.wait_and_download(task_id, output_path="output.mp4")
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from emo_hallo import _base, _calls, _responses
from emo_hallo._calls import Call, StrPath
from emo_hallo._partial_file import PartialFile, require_writable
from emo_hallo._retry import Retries
from emo_hallo._sse import TaskEvents
from emo_hallo.async_client import AsyncHallo2Client
from emo_hallo.errors import ApiError, BadRequest, ConnectionFailed, HalloError, ServerError
from emo_hallo.models import Configuration, InferenceOptions, Preset, Task
from emo_hallo.progress import Progress, task_reporter

__all__ = ["AsyncHallo2Client", "Hallo2Client"]


class Hallo2Client(_base.BaseClient):
    """Talks to one service. Safe to share between threads; close it, or use it in a `with` block.

    Args:
        api_key: sent as `Authorization: Bearer <key>`.
        timeout_s: longest silence on a connection, not a limit to a whole transfer.
        max_retries: tries after a lost connection or an answer of 429, 502, 503 or 504; `Retry-After` is honoured.
        transport: an httpx transport that takes the place of the network.
        sleep, clock: take the place of real time, as for tests.

    Every method may raise an `ApiError` (the service refused), `ConnectionFailed` (no answer) or
    `UnexpectedResponse`; see `emo_hallo.errors` for the whole tree.
    """

    def __init__(
        self,
        base_url: str = _base.DEFAULT_BASE_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = _base.DEFAULT_TIMEOUT_S,
        max_retries: int = _base.DEFAULT_MAX_RETRIES,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(base_url, api_key, timeout_s, max_retries, clock)
        self._sleep = sleep
        self._http = httpx.Client(base_url=self.base_url, headers=self._headers, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def inference(
        self,
        image_path: StrPath,
        audio_path: StrPath,
        use_cache: bool | None = None,
        **options: Unpack[InferenceOptions],
    ) -> str:
        """Create a task and return its id. The files are streamed, whatever their size.

        Args:
            image_path: portrait, JPEG or PNG.
            audio_path: speech, WAV, MP3, OGG or M4A.
            use_cache: let the service reuse what it worked out for equal files before; None leaves it to `configure`.
            options: see `InferenceOptions`. An `idempotency_key` is sent in any case, so that a retry, whether ours
                or with your own key a later one of yours, does not create a second task.

        Raises:
            LocalFileError: a file cannot be read.
            BadRequest: a file or an option cannot be used; `error_code` says why.
        """
        return _responses.task_id(self._send(_calls.inference(image_path, audio_path, use_cache, options)))

    def wait_and_download(
        self, task_id: str, output_path: StrPath, timeout_s: float | None = None, progress: Progress = None
    ) -> Path:
        """Wait for the task, then download its video; see `wait` and `download`."""
        require_writable(output_path)  # rather now than after an hour
        self.wait(task_id, timeout_s, progress)
        return self.download(task_id, output_path)

    def wait(self, task_id: str, timeout_s: float | None = None, progress: Progress = None) -> Task:
        """Return the task once it is completed; restarts of the service in between are sat out.

        Args:
            timeout_s: longest time to wait; None for ever.
            progress: called with each state of the task; or True for a bar on stderr, False for silence. None shows
                the bar where stderr is a terminal.

        Raises:
            TaskFailed, TaskCancelled: the task ended otherwise.
            WaitTimeout: the time is over; the task goes on.
        """
        with task_reporter(progress) as report:
            for task in self._follow(task_id, timeout_s):
                report(task)
        return _base.require_completed(task)

    def download(self, task_id: str, output_path: StrPath) -> Path:
        """Save the video of a completed task. A broken connection is resumed; the file appears complete or not at all.

        Raises:
            BadRequest: the task is not completed.
            DownloadIncomplete: the bytes never added up to the announced length.
            LocalFileError: the file cannot be written.
        """
        retries = self._retries()
        with PartialFile(output_path) as part:
            while not part.is_complete:
                try:
                    self._download_some(task_id, part, retries)
                except HalloError as error:
                    self._sleep(retries.after(part.recover(error)))
            return part.publish()

    def status(self, task_id: str) -> Task:
        """Return the task as it is now."""
        return _responses.task(self._send(_calls.status(task_id)))

    def events(self, task_id: str) -> Generator[Task, None, None]:
        """Yield the task at every change of status, progress or message, up to its end.

        Lost connections are resumed without gaps. Where the service has no event stream, it is asked every two seconds.
        """
        try:
            yield from self._stream_events(task_id)
        except ApiError as error:
            if error.status_code not in (404, 405):
                raise
            yield from _base.Changes().of(self._poll(task_id))

    def logs(self, task_id: str, tail: int | None = None) -> str:
        """Return the task's log, one record a line; only the last `tail` lines if given."""
        return _responses.logs(self._send(_calls.logs(task_id, tail)))

    def cancel(self, task_id: str, force: bool = False) -> None:
        """Cancel a queued task, or with `force` a running one. Cancelling it again changes nothing.

        Raises:
            BadRequest: the task is running (without `force`) or over.
        """
        try:
            self._send(_calls.cancel(task_id, force))
        except BadRequest:
            # the answer to an earlier try may have been lost
            if self.status(task_id).status != "cancelled":
                raise

    def delete_data(self, task_id: str) -> None:
        """Delete an ended task's uploads, video and log from the service. Doing so again changes nothing.

        Raises:
            BadRequest: the task waits or runs.
        """
        self._send(_calls.delete_data(task_id))

    def tasks(self, status: str | None = None) -> Iterator[Task]:
        """Yield tasks, newest first, only those of one status if given. Pages are fetched as they are needed."""
        cursor = None
        while True:
            page, cursor = _responses.task_page(self._send(_calls.tasks(status, cursor)))
            yield from page
            if cursor is None:
                return

    def configure(
        self,
        guidance_scale: float | None = None,
        inference_steps: int | None = None,
        enable_cache: bool | None = None,
        preset: Preset | None = None,
    ) -> None:
        """Change the defaults of tasks that are created from now on; None keeps a value."""
        self._send(_calls.configure(guidance_scale, inference_steps, enable_cache, preset))

    def configuration(self) -> Configuration:
        """Return the defaults of new tasks."""
        return _responses.configuration(self._send(_calls.configuration()))

    def health(self) -> dict[str, Any]:
        """Return the service's detailed health, as documented for `GET /api/v1/health`."""
        return _responses.json_object(self._send(_calls.health()))

    def _send(self, call: Call, retries: Retries | None = None) -> httpx.Response:
        retries = retries or self._retries()
        while True:
            try:
                with self._exchange(call) as response:
                    response.read()
                    return response
            except HalloError as error:
                self._sleep(retries.after(error))

    @contextmanager
    def _exchange(self, call: Call) -> Iterator[httpx.Response]:
        """Send once. The answer is a success and its body is not read yet."""
        with (
            self._translated_errors(call),
            call.request() as request,
            self._http.stream(**request, timeout=self._silence_s(call)) as response,
        ):
            if not response.is_success:
                response.read()
                raise _responses.api_error(response)
            yield response

    def _follow(self, task_id: str, timeout_s: float | None) -> Iterator[Task]:
        """Each state of a task to its end: by its events, or where those break off or cannot be timed, by asking."""
        if timeout_s is None:
            with suppress(ConnectionFailed, ServerError):  # asking sits out whatever it is
                for task in self.events(task_id):
                    yield task
                    if task.is_terminal:
                        return
        yield from self._poll(task_id, timeout_s)

    def _poll(self, task_id: str, timeout_s: float | None = None) -> Iterator[Task]:
        pauses = _base.PollingPauses(timeout_s, self._clock)
        retries = self._patient_retries(timeout_s)
        while True:
            task = _responses.task(self._send(_calls.status(task_id), retries))
            retries.reset()
            yield task
            if task.is_terminal:
                return
            self._sleep(pauses.next_s(task))

    def _download_some(self, task_id: str, part: PartialFile, retries: Retries) -> None:
        with self._exchange(_calls.video(task_id, part.range_headers())) as response:
            part.begin(response)
            for chunk in response.iter_raw():
                if part.write(chunk):
                    retries.reset()
        part.end()

    def _stream_events(self, task_id: str) -> Iterator[Task]:
        events = TaskEvents(task_id)
        retries = self._retries()
        while True:
            try:
                with self._exchange(events.next_call()) as response:
                    for chunk in response.iter_bytes():
                        retries.reset()
                        yield from events.feed(chunk)
                        if events.is_finished:
                            return
                raise events.broken_off()
            except HalloError as error:
                self._sleep(retries.after(error))
