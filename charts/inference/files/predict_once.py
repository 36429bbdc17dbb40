"""What `helm test` runs: submits one prediction and waits for its end.

Arguments: the gateway's address, the body, seconds.
"""

import json
import sys
import time
import urllib.error
import urllib.request

base, body, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
end = time.monotonic() + seconds


def ask(path, data=None):
    """Returns the answer, and asks again while the gateway can't be reached or is not ready."""
    headers = {"Content-Type": "application/json", "Cache-Control": "no-cache"}
    while True:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(base + path, data, headers), timeout=40
            ) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in (502, 503) or time.monotonic() > end:
                sys.exit(f"{path} answered {error.code}: {error.read().decode()}")
        except OSError as error:
            if time.monotonic() > end:
                sys.exit(f"{path} does not answer: {error}")
        time.sleep(1)


task = ask("/predict/async/", body.encode())
print(f"submitted {task['task_id']}", flush=True)
while task["status"] in ("submitted", "started", "retry"):
    if time.monotonic() > end:
        sys.exit(f"not done after {seconds:g} s: is there a worker? Ask GET /monitoring/workers")
    task = ask(f"/monitoring/task_status/{task['task_id']}?wait=20")
    print(task["status"], flush=True)
print(json.dumps(task))
sys.exit(task["status"] != "success")
