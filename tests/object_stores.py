"""Object stores on loopback, each a server in a process of its own that speaks the real protocol."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from emo_hallo_ray.storage import ObjectStore
from tests.live_service import free_port, wait_until

# any will do; the library wants some
S3_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "emo-hallo"


@contextmanager
def s3_server() -> Iterator[ObjectStore]:
    """A bucket's prefix in a server that speaks S3 (moto's); its keys go into the environment of this process."""
    port = free_port()
    os.environ.update(S3_KEYS)
    with _server([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port):
        options = {"endpoint_url": f"http://127.0.0.1:{port}"}
        httpx.put(f"http://127.0.0.1:{port}/{BUCKET}").raise_for_status()
        yield ObjectStore(f"s3://{BUCKET}/service", options)


@contextmanager
def gcs_server() -> Iterator[ObjectStore]:
    """The same in one that speaks Google Cloud Storage's JSON protocol."""
    port = free_port()
    # the library would look for kinds of buckets by gRPC, which the emulator does not speak
    os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
    program = str(Path(sys.executable).with_name("gcp-storage-emulator"))
    with _server([program, "start", "--host", "127.0.0.1", "--port", str(port), "--in-memory"], port):
        address = f"http://127.0.0.1:{port}"
        httpx.post(f"{address}/storage/v1/b", params={"project": "test"}, json={"name": BUCKET}).raise_for_status()
        yield ObjectStore(f"gs://{BUCKET}/service", {"endpoint_url": address, "token": "anon"})


@contextmanager
def _server(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(port), 60, "the object store answers")
        yield
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code < 500
    except httpx.HTTPError:
        return False
