"""In the place of train_net.py: a run that counts steps in its folder, and ends as its options say.

``STUB.MAP``: its mAP, to which the seed is added. ``STUB.FAIL``: its exit code. ``STUB.WAIT``: a file that it
waits for; told to stop meanwhile, it saves what it has, and ends as our trainer does.
"""

import json
import signal
import sys
import time
from pathlib import Path

stopped = []
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _: stopped.append(number))
options = dict(zip(sys.argv[4::2], sys.argv[5::2], strict=True))
folder = Path(options["OUTPUT_DIR"])
with (folder / "starts").open("a") as file:
    file.write(f"{sys.argv[1]} {sys.argv[3]}\n")
sys.stdout.write("epoch 1/2: a line of the run\n")
sys.stdout.flush()
(folder / "log.txt").write_text("epoch 1/2 step 3/4\n")
while "STUB.WAIT" in options and not Path(options["STUB.WAIT"]).exists():
    if stopped:
        sys.exit(128 + stopped[0])
    time.sleep(0.02)
if "STUB.FAIL" in options:
    sys.exit(int(options["STUB.FAIL"]))
score = float(options.get("STUB.MAP", 50)) + int(options["SEED"])
results = {"Set": {"mAP": score, "Rank-1": score + 10, "mINP": score - 10}}
(folder / "results.json").write_text(json.dumps(results))
for name in ("model_best.pth", "model_final.pth"):
    (folder / name).touch()
