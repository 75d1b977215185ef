"""The client stays light."""

import json
import subprocess
import sys

HEAVY = {"emo_hallo_ray", "ray", "torch", "numpy", "cv2", "pydantic", "fastapi", "starlette", "scipy", "onnxruntime"}
PROGRAM = """
import json, sys, time
started = time.process_time()
import emo_hallo.client
print(json.dumps([time.process_time() - started, sorted(sys.modules)]))
"""


def test_importing_the_client_loads_nothing_of_the_service():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)

    cpu_s, modules = json.loads(done.stdout)

    assert HEAVY.isdisjoint(modules)
    assert cpu_s < 1.0


def test_rich_is_needed_only_for_the_bar():
    program = "import sys; sys.modules['rich'] = None; import emo_hallo.client"

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
