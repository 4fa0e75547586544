"""Compare whole processes; see speed.py for what is measured and how."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
from common import Photograph, format_table, take_turns

from segment import segment_image

__all__ = ["compare_whole_process", "measure_process", "measure_stages", "measure_start_up", "run_script"]

K = 4

# Runs a command and prints its seconds, processor seconds, largest resident set and exit status. The resident set that
# the system reports for a process begins with that of its parent, so the parent must be a small process.
WRAPPER = """
import os, sys, time
silence = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
begin = time.perf_counter()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=silence)
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - begin
memory = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(seconds, usage.ru_utime + usage.ru_stime, memory, status)
"""

# Arguments: the image, and the folder of the pictures to write.
BASELINE = """
import sys
import numpy as np
import cv2
source, folder = sys.argv[1:]
image = cv2.imread(source)
panel, labels = (np.load(f"{folder}/{name}.npy", mmap_mode="r") for name in ("panel", "labels"))
cv2.imwrite(f"{folder}/panel.jpg", panel, [cv2.IMWRITE_JPEG_QUALITY, 92])
cv2.imwrite(f"{folder}/labels.png", labels)
"""

# Arguments: the image, and the folder of the results. Prints the seconds of each stage.
STAGES = """
import json, os, sys, time
begin = time.perf_counter()
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import cv2
import segment.cli.commands
from segment import segment_image
marks = [("importing", begin)]
mark = lambda stage: marks.append((str(stage), time.perf_counter()))
result = segment_image(sys.argv[1], k=4, overwrite=True, on_stage=mark)
mark("writing")
result.save(sys.argv[2], stem="stages", suffix=".jpg")
mark("end")
print(json.dumps({name: end - start for (name, start), (_, end) in zip(marks, marks[1:])}))
"""


def measure_process(*command: str) -> tuple[float, float, float]:
    """Measure the seconds, processor seconds (over all cores) and megabytes (2**20 bytes) of a process."""
    seconds, busy, memory, status = map(float, run_script(WRAPPER, *command).split())
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed.")
    return seconds, busy, memory


def run_script(script: str, *arguments: str) -> str:
    """Run a Python script and return what it prints; its errors go to stderr."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def compare_whole_process(photographs: list[Photograph], repeats: int) -> str:
    """Make the table of ``segment run`` against reading and writing alone."""
    head = ["megapixels", "`segment run`", "reading and writing alone", "ratio", "ratio of processor time"]
    head += ["memory", "of reading and writing alone", "300 MB + 15 MB a megapixel"]
    rows = []
    for photograph in photographs:
        folder = photograph.path.with_suffix("")
        folder.mkdir()
        result = segment_image(photograph.path, k=K)
        np.save(folder / "panel.npy", result.panel()[..., ::-1])
        np.save(folder / "labels.npy", result.label_image)
        del result
        path, place = str(photograph.path), str(folder)
        ours, base = take_turns(
            [
                lambda p=path, f=place: measure_process(
                    sys.executable, "-m", "segment", "run", p, "-k", str(K), "-o", f, "--overwrite"
                ),
                lambda p=path, f=place: measure_process(sys.executable, "-c", BASELINE, p, f),
            ],
            repeats,
        )
        (seconds, busy, memory), (base_seconds, base_busy, base_memory) = (
            np.median(runs, axis=0) for runs in (ours, base)
        )
        times = [
            f"{seconds:.2f} s",
            f"{base_seconds:.2f} s",
            f"{seconds / base_seconds:.2f}",
            f"{busy / base_busy:.2f}",
        ]
        allowed = f"{300 + 15 * photograph.megapixels:.0f} MB"
        rows.append([f"{photograph.megapixels:.2f}", *times, f"{memory:.0f} MB", f"{base_memory:.0f} MB", allowed])
    return format_table(head, rows)


def measure_start_up(folder: Path, repeats: int) -> str:
    """Make the table of processes that only start."""
    commands = {
        "`segment --help`": ["-m", "segment", "--help"],
        '`python -c "import segment"`': ["-c", "import segment"],
        '`python -c "import numpy, cv2"`': ["-c", "import numpy, cv2"],
        '`python -c "pass"`': ["-c", "pass"],
    }
    rivals = [lambda c=command: measure_process(sys.executable, *c) for command in commands.values()]
    runs = take_turns(rivals, repeats)
    medians = [np.median(run, axis=0) for run in runs]
    rows = [
        [name, f"{seconds:.3f} s", f"{memory:.0f} MB"]
        for name, (seconds, _, memory) in zip(commands, medians, strict=True)
    ]
    return format_table(["process", "time", "memory"], rows)


def measure_stages(photograph: Photograph, repeats: int) -> str:
    """Make the table of the stages on one photograph."""

    def run() -> dict[str, float]:
        times: dict[str, float] = json.loads(run_script(STAGES, str(photograph.path), str(photograph.path.parent)))
        return times

    (runs,) = take_turns([run], repeats)
    times = {stage: statistics.median(times[stage] for times in runs) for stage in runs[0]}
    total = sum(times.values())
    rows = [[stage, f"{1000 * time_:.0f} ms", f"{100 * time_ / total:.0f} %"] for stage, time_ in times.items()]
    return format_table([f"stage, {photograph.megapixels:.2f} megapixels", "time", "share"], rows)
