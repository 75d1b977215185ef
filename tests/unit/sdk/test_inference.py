"""Creating tasks: what is sent, and that sending it again does no harm."""

import os
import tracemalloc
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path

import pytest

from emo_hallo.client import Hallo2Client
from emo_hallo.errors import BadRequest, Conflict, LocalFileError, UnexpectedResponse

from .fake_service import DROPPED, TASK_ID, TASK_PATH, Received, error_answer, json_answer, task_answer, video_answers

ROUTE = "POST /api/v1/inference/hallo2"
CREATED = json_answer({"task_id": TASK_ID, "status": "queued", "message": "Inference task queued successfully"})


def form_of(request: Received) -> dict[str, bytes]:
    """The parts of a multipart body by field name."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(EmailMessage, policy=HTTP).parsebytes(head + request.body)
    parts = {str(part.get_param("name", header="Content-Disposition")): part for part in message.iter_parts()}
    return {name: part.get_payload(decode=True) for name, part in parts.items()}


def test_sample_of_the_api_document_runs_verbatim(service, portrait, speech, monkeypatch):
    monkeypatch.chdir(portrait.parent)
    service.on(ROUTE, CREATED)
    service.on(f"GET {TASK_PATH}", task_answer("completed", 100))
    service.on(f"GET {TASK_PATH}/video", video_answers(b"film"))
    sample = """
from emo_hallo.client import Hallo2Client

# 创建客户端
client = Hallo2Client(base_url='http://localhost:8001')

# 创建推理任务
task_id = client.inference(
    image_path='person.jpg',
    audio_path='speech.wav',
    use_cache=True
)

# 等待任务完成并下载
client.wait_and_download(task_id, output_path='output.mp4')
"""
    names: dict[str, Hallo2Client] = {}

    exec(sample.replace("http://localhost:8001", service.url), names)
    names["client"].close()

    assert Path("output.mp4").read_bytes() == b"film"


def test_files_and_options_are_sent_as_form_fields(client, service, portrait, speech):
    service.on(ROUTE, CREATED)

    options = {"seed": 7, "guidance_scale": 2.5, "engine": "hallo2", "preset": "balanced"}
    task_id = client.inference(portrait, str(speech), use_cache=False, **options)

    assert task_id == TASK_ID
    assert form_of(service.received[0]) == {
        "image_file": portrait.read_bytes(),
        "audio_file": speech.read_bytes(),
        "use_cache": b"false",
        "seed": b"7",
        "guidance_scale": b"2.5",
        "engine": b"hallo2",
        "preset": b"balanced",
    }


def test_what_is_left_out_is_left_to_the_service(client, service, portrait, speech):
    service.on(ROUTE, CREATED)

    client.inference(portrait, speech, seed=None)

    assert form_of(service.received[0]).keys() == {"image_file", "audio_file"}


def test_api_key_is_sent_as_a_bearer_token(connect, service, portrait, speech):
    service.on(ROUTE, CREATED)

    connect(api_key="s3cret").inference(portrait, speech)

    assert service.received[0].headers["Authorization"] == "Bearer s3cret"


def test_retry_repeats_the_whole_upload_under_the_same_key(client, service, portrait, speech):
    service.on(ROUTE, DROPPED, error_answer(503, "SHUTTING_DOWN"), CREATED)

    task_id = client.inference(portrait, speech)

    assert task_id == TASK_ID
    assert len({request.headers["Idempotency-Key"] for request in service.received}) == 1
    assert [form_of(request)["audio_file"] for request in service.received] == [speech.read_bytes()] * 3


def test_every_task_gets_a_key_of_its_own(client, service, portrait, speech):
    service.on(ROUTE, CREATED)

    client.inference(portrait, speech)
    client.inference(portrait, speech)

    first, second = (request.headers["Idempotency-Key"] for request in service.received)
    assert first != second


def test_callers_key_is_used_as_a_header_and_not_as_a_field(client, service, portrait, speech):
    service.on(ROUTE, error_answer(409, "IDEMPOTENCY_CONFLICT"))

    with pytest.raises(Conflict):
        client.inference(portrait, speech, idempotency_key="order-66")

    assert service.received[0].headers["Idempotency-Key"] == "order-66"
    assert "idempotency_key" not in form_of(service.received[0])


def test_upload_is_streamed_in_constant_memory(client, service, portrait, tmp_path):
    service.on(ROUTE, CREATED)
    long_speech = tmp_path / "long.wav"
    long_speech.touch()
    os.truncate(long_speech, 64_000_000)

    tracemalloc.start()
    client.inference(portrait, long_speech)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert service.received[0].body_length > 64_000_000
    assert peak_bytes < 8_000_000


def test_missing_file_is_named_and_nothing_is_sent(client, service, portrait, tmp_path):
    with pytest.raises(LocalFileError, match=r"cannot read audio_file '.*nowhere\.wav': No such file"):
        client.inference(portrait, tmp_path / "nowhere.wav")

    assert service.received == []


def test_refused_file_is_not_sent_again(client, service, portrait, speech):
    answer = json_answer(
        {"detail": "No face was found in the image", "error_code": "NO_FACE_FOUND", "hint": "one face, from the front"},
        400,
        X_Request_ID="r-1",
    )
    service.on(ROUTE, answer)

    with pytest.raises(BadRequest, match="No face was found") as caught:
        client.inference(portrait, speech)

    error = caught.value
    assert (error.error_code, error.status_code, error.request_id) == ("NO_FACE_FOUND", 400, "r-1")
    assert error.hint == "one face, from the front"
    assert len(service.received) == 1


def test_misspelt_option_is_a_type_error_that_lists_the_right_ones(client, portrait, speech):
    with pytest.raises(TypeError, match=r"\['sead'\].*'seed'"):
        client.inference(portrait, speech, sead=1)


def test_answer_without_a_task_id_is_unexpected(client, service, portrait, speech):
    service.on(ROUTE, json_answer({"hello": "world"}))

    with pytest.raises(UnexpectedResponse, match="lacks 'task_id'"):
        client.inference(portrait, speech)
