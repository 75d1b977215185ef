"""`submit`, `status`, `logs` and `cancel` against a fake service."""

import json

import pytest

from emo_hallo.client import Hallo2Client
from tests.unit.sdk.fake_service import (
    TASK_ID,
    TASK_PATH,
    error_answer,
    json_answer,
    task_answer,
    task_json,
    video_answers,
)

INFERENCE = "POST /api/v1/inference/hallo2"
CREATED = json_answer({"task_id": TASK_ID, "status": "queued", "message": "Inference task queued successfully"})
STATUS = f"GET {TASK_PATH}"


def test_submit_prints_the_id_and_nothing_else(run, service, portrait, speech):
    service.on(INFERENCE, CREATED)

    result = run("submit", portrait, speech)

    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{TASK_ID}\n", "")


def test_submit_sends_the_options_that_were_given(run, service, portrait, speech):
    service.on(INFERENCE, CREATED)

    chosen = ["--seed=7", "--upscale=2", "--engine=hallo2", "--preset=balanced", "--scheduler=ddim", "--no-cache"]
    run("submit", portrait, speech, *chosen, "--api-key=s3cret")

    body = service.received[0].body
    sent = {"seed": "7", "upscale": "2", "engine": "hallo2", "preset": "balanced"}
    sent |= {"scheduler": "ddim", "use_cache": "false"}
    for name, value in sent.items():
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in body
    assert b"guidance_scale" not in body
    assert service.received[0].headers["Authorization"] == "Bearer s3cret"


def test_submit_with_output_waits_and_saves_the_video(run, service, portrait, speech, tmp_path):
    service.on(INFERENCE, CREATED)
    service.on(STATUS, task_answer("completed", 100))
    service.on(f"{STATUS}/video", video_answers(b"film"))
    output = tmp_path / "out.mp4"

    result = run("submit", portrait, speech, "-o", output)

    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{TASK_ID}\n", f"saved {output}\n")
    assert output.read_bytes() == b"film"


def test_submit_with_watch_waits_without_saving(run, service, portrait, speech):
    service.on(INFERENCE, CREATED)
    service.on(STATUS, task_answer("completed", 100))

    assert run("submit", portrait, speech, "--watch").stderr == "completed\n"


def test_submit_reports_why_a_task_failed(run, service, portrait, speech, tmp_path):
    service.on(INFERENCE, CREATED)
    service.on(STATUS, task_answer("failed", 30, error="the disk is full"))

    result = run("submit", portrait, speech, "-o", tmp_path / "out.mp4")

    assert (result.exit_code, result.stderr) == (1, f"task {TASK_ID} failed: the disk is full\n")


def test_submit_interrupted_tells_how_to_go_on(run, service, portrait, speech, monkeypatch):
    service.on(INFERENCE, CREATED)

    def interrupt(self: Hallo2Client, task_id: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Hallo2Client, "wait", interrupt)

    result = run("submit", portrait, speech, "--watch")

    assert result.exit_code == 130
    assert f"emo-hallo status {TASK_ID}" in result.stderr


@pytest.mark.parametrize(
    ("answer", "exit_code", "line"),
    [
        (
            json_answer({"detail": "No face", "error_code": "NO_FACE_FOUND", "hint": "one face"}, 400),
            2,
            "No face (one face)",
        ),
        (error_answer(401, "UNAUTHORIZED", "No API key"), 1, "No API key"),
    ],
    ids=["bad input", "no access"],
)
def test_refusal_is_one_line_and_an_exit_code(run, service, portrait, speech, answer, exit_code, line):
    service.on(INFERENCE, answer)

    result = run("submit", portrait, speech)

    assert (result.exit_code, result.stdout, result.stderr) == (exit_code, "", f"{line}\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere.jpg", "nowhere.wav"], "does not exist"),
        (["{image}", "{audio}", "-o", "nowhere/out.mp4"], "there is no folder"),
        (["{image}", "{audio}", "-o", "out.mp4", "--no-watch"], "--no-watch refuses"),
        (["{image}", "{audio}", "--server", "localhost:8001"], "must start with http"),
        (["{image}", "{audio}", "--guidance-scale", "21"], "Invalid value for '--guidance-scale'"),
        (["{image}", "{audio}", "--preset", "best"], "'best' is not one of 'quality', 'balanced', 'draft'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_misuse_is_explained_before_anything_is_sent(run, service, portrait, speech, arguments, complaint):
    result = run("submit", *[argument.format(image=portrait, audio=speech) for argument in arguments])

    assert result.exit_code == 2
    assert complaint in result.stderr
    assert service.received == []


def test_status_of_one_task_lists_what_is_known(run, service):
    service.on(STATUS, task_answer("processing", 45, params={"seed": 42}))

    output = run("status", TASK_ID).stdout

    assert "processing" in output
    assert '{"seed": 42}' in output
    assert "null" not in output


def test_status_as_json_is_the_services_own(run, service):
    service.on(STATUS, task_answer("processing", 45, mood="sunny"))

    assert json.loads(run("status", TASK_ID, "--json").stdout) == task_json("processing", 45, mood="sunny")


def test_status_without_an_id_is_a_table_of_the_newest(run, service):
    tasks = {name: {"task_id": name, "status": "failed", "error": f"[{name}] fell"} for name in ("one", "two", "three")}
    service.on("GET /api/v1/tasks", json_answer({"tasks": tasks, "count": 3}))

    table = run("status", "--limit=2").stdout
    listed = json.loads(run("status", "--limit=2", "--json").stdout)

    assert "[one] fell" in table
    assert "three" not in table
    assert [task["task_id"] for task in listed] == ["one", "two"]


def test_logs_are_printed_as_they_are(run, service):
    service.on(f"{STATUS}/logs", json_answer({"task_id": TASK_ID, "logs": "[INFO] Starting\n[INFO] Done"}))

    assert run("logs", TASK_ID, "--tail=2").stdout == "[INFO] Starting\n[INFO] Done\n"
    assert service.received[0].query == "tail=2"


def test_cancel_confirms(run, service):
    service.on(f"DELETE {TASK_PATH}", json_answer({"status": "cancelled", "task_id": TASK_ID, "message": "ok"}))

    result = run("cancel", TASK_ID, "--force")

    assert (result.exit_code, result.stderr) == (0, f"task {TASK_ID} is cancelled\n")
    assert service.received[0].query == "force=true"


def test_unknown_task_is_a_failure(run, service):
    service.on(STATUS, error_answer(404, "TASK_NOT_FOUND", "Task not found"))

    result = run("status", TASK_ID)

    assert (result.exit_code, result.stderr) == (1, "Task not found\n")
