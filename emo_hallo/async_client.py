"""The asynchronous twin of `Hallo2Client`: same methods, same meaning, for asyncio."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from emo_hallo import _base, _calls, _responses
from emo_hallo._calls import Call, StrPath
from emo_hallo._partial_file import PartialFile, require_writable
from emo_hallo._retry import Retries
from emo_hallo._sse import TaskEvents
from emo_hallo.errors import ApiError, BadRequest, ConnectionFailed, HalloError, ServerError
from emo_hallo.models import Configuration, InferenceOptions, Preset, Task
from emo_hallo.progress import Progress, task_reporter


class AsyncHallo2Client(_base.BaseClient):
    """Talks to one service; use it in an `async with` block or call `aclose`. See `Hallo2Client` for the arguments.

    Files are read and written in small pieces on the event loop.
    """

    def __init__(
        self,
        base_url: str = _base.DEFAULT_BASE_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = _base.DEFAULT_TIMEOUT_S,
        max_retries: int = _base.DEFAULT_MAX_RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(base_url, api_key, timeout_s, max_retries, clock)
        self._sleep = sleep
        self._http = httpx.AsyncClient(base_url=self.base_url, headers=self._headers, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def inference(
        self,
        image_path: StrPath,
        audio_path: StrPath,
        use_cache: bool | None = None,
        **options: Unpack[InferenceOptions],
    ) -> str:
        """Create a task and return its id; see `Hallo2Client.inference`."""
        return _responses.task_id(await self._send(_calls.inference(image_path, audio_path, use_cache, options)))

    async def wait_and_download(
        self, task_id: str, output_path: StrPath, timeout_s: float | None = None, progress: Progress = None
    ) -> Path:
        """Wait for the task, then download its video; see `wait` and `download`."""
        require_writable(output_path)  # rather now than after an hour
        await self.wait(task_id, timeout_s, progress)
        return await self.download(task_id, output_path)

    async def wait(self, task_id: str, timeout_s: float | None = None, progress: Progress = None) -> Task:
        """Return the task once it is completed; see `Hallo2Client.wait`."""
        with task_reporter(progress) as report:
            async for task in self._follow(task_id, timeout_s):
                report(task)
        return _base.require_completed(task)

    async def download(self, task_id: str, output_path: StrPath) -> Path:
        """Save the video of a completed task; see `Hallo2Client.download`."""
        retries = self._retries()
        with PartialFile(output_path) as part:
            while not part.is_complete:
                try:
                    await self._download_some(task_id, part, retries)
                except HalloError as error:
                    await self._sleep(retries.after(part.recover(error)))
            return part.publish()

    async def status(self, task_id: str) -> Task:
        """Return the task as it is now."""
        return _responses.task(await self._send(_calls.status(task_id)))

    async def events(self, task_id: str) -> AsyncGenerator[Task, None]:
        """Yield the task at every change, up to its end; see `Hallo2Client.events`."""
        try:
            # a caller who leaves early closes the connection now, not when the garbage collector comes by
            async with aclosing(self._stream_events(task_id)) as tasks:
                async for task in tasks:
                    yield task
        except ApiError as error:
            if error.status_code not in (404, 405):
                raise
            changes = _base.Changes()
            async for task in self._poll(task_id):
                for changed in changes.of([task]):
                    yield changed

    async def logs(self, task_id: str, tail: int | None = None) -> str:
        """Return the task's log, one record a line; only the last `tail` lines if given."""
        return _responses.logs(await self._send(_calls.logs(task_id, tail)))

    async def cancel(self, task_id: str, force: bool = False) -> None:
        """Cancel a queued task, or with `force` a running one; see `Hallo2Client.cancel`."""
        try:
            await self._send(_calls.cancel(task_id, force))
        except BadRequest:
            # the answer to an earlier try may have been lost
            if (await self.status(task_id)).status != "cancelled":
                raise

    async def delete_data(self, task_id: str) -> None:
        """Delete an ended task's uploads, video and log; see `Hallo2Client.delete_data`."""
        await self._send(_calls.delete_data(task_id))

    async def tasks(self, status: str | None = None) -> AsyncIterator[Task]:
        """Yield tasks, newest first, only those of one status if given. Pages are fetched as they are needed."""
        cursor = None
        while True:
            page, cursor = _responses.task_page(await self._send(_calls.tasks(status, cursor)))
            for task in page:
                yield task
            if cursor is None:
                return

    async def configure(
        self,
        guidance_scale: float | None = None,
        inference_steps: int | None = None,
        enable_cache: bool | None = None,
        preset: Preset | None = None,
    ) -> None:
        """Change the defaults of tasks that are created from now on; None keeps a value."""
        await self._send(_calls.configure(guidance_scale, inference_steps, enable_cache, preset))

    async def configuration(self) -> Configuration:
        """Return the defaults of new tasks."""
        return _responses.configuration(await self._send(_calls.configuration()))

    async def health(self) -> dict[str, Any]:
        """Return the service's detailed health, as documented for `GET /api/v1/health`."""
        return _responses.json_object(await self._send(_calls.health()))

    async def _send(self, call: Call, retries: Retries | None = None) -> httpx.Response:
        retries = retries or self._retries()
        while True:
            try:
                async with self._exchange(call) as response:
                    await response.aread()
                    return response
            except HalloError as error:
                await self._sleep(retries.after(error))

    @asynccontextmanager
    async def _exchange(self, call: Call) -> AsyncIterator[httpx.Response]:
        """Send once. The answer is a success and its body is not read yet."""
        with self._translated_errors(call), call.request() as request:
            async with self._http.stream(**request, timeout=self._silence_s(call)) as response:
                if not response.is_success:
                    await response.aread()
                    raise _responses.api_error(response)
                yield response

    async def _follow(self, task_id: str, timeout_s: float | None) -> AsyncIterator[Task]:
        """See `Hallo2Client._follow`."""
        if timeout_s is None:
            with suppress(ConnectionFailed, ServerError):  # asking sits out whatever it is
                async with aclosing(self.events(task_id)) as tasks:
                    async for task in tasks:
                        yield task
                        if task.is_terminal:
                            return
        async for task in self._poll(task_id, timeout_s):
            yield task

    async def _poll(self, task_id: str, timeout_s: float | None = None) -> AsyncIterator[Task]:
        pauses = _base.PollingPauses(timeout_s, self._clock)
        retries = self._patient_retries(timeout_s)
        while True:
            task = _responses.task(await self._send(_calls.status(task_id), retries))
            retries.reset()
            yield task
            if task.is_terminal:
                return
            await self._sleep(pauses.next_s(task))

    async def _download_some(self, task_id: str, part: PartialFile, retries: Retries) -> None:
        async with self._exchange(_calls.video(task_id, part.range_headers())) as response:
            part.begin(response)
            async for chunk in response.aiter_raw():
                if part.write(chunk):
                    retries.reset()
        part.end()

    async def _stream_events(self, task_id: str) -> AsyncGenerator[Task, None]:
        events = TaskEvents(task_id)
        retries = self._retries()
        while True:
            try:
                async with self._exchange(events.next_call()) as response:
                    async for chunk in response.aiter_bytes():
                        retries.reset()
                        for task in events.feed(chunk):
                            yield task
                        if events.is_finished:
                            return
                raise events.broken_off()
            except HalloError as error:
                await self._sleep(retries.after(error))
