"""
A folder on a cluster
=====================

Thousands of photographs, or a raster of gigapixels, and several machines that see the same files:

.. code-block:: console

   dask scheduler                                                  # on one machine; it prints its address
   dask worker tcp://10.0.0.1:8786 --nworkers -1 --nthreads 1      # on each: a process for every core
   segment batch /share/photographs -k 4 -o /share/results --scheduler tcp://10.0.0.1:8786

The results are those of one machine, byte for byte; ``--resume`` goes on after whatever stops the run. This page does
the same in small: the scheduler and its worker are processes of this machine.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

IMAGES = Path("../../images")
folder = Path(tempfile.mkdtemp())
(folder / "photographs").mkdir()
for name in ("landscape", "mountains"):
    photograph = Image.open(IMAGES / f"{name}.jpg")
    photograph.thumbnail((320, 320))
    photograph.save(folder / "photographs" / f"{name}.jpg")

# %%
# A scheduler and a worker; the program connects to the scheduler, and the worker does the images.

scheduler_file = folder / "scheduler.json"
dask = [sys.executable, "-m", "dask"]
options = ["--no-dashboard", "--scheduler-file", str(scheduler_file)]
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
scheduler = subprocess.Popen(
    [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *options], **quiet
)
worker = subprocess.Popen(
    [*dask, "worker", "--nthreads", "1", "--no-nanny", *options], cwd=folder, **quiet
)
while not scheduler_file.exists():
    if scheduler.poll() is not None:
        sys.exit("no scheduler: this page needs pip install 'gmm-segment[dask]'")
    time.sleep(0.05)
address = json.loads(scheduler_file.read_text())["address"]

command = [
    sys.executable,
    "-m",
    "segment",
    "batch",
    "photographs",
    "-k",
    "4",
    "-o",
    "results",
]
done = subprocess.run(
    [*command, "--scheduler", address],
    cwd=folder,
    capture_output=True,
    text=True,
    check=True,
)
for process in (worker, scheduler):
    process.terminate()
    process.wait()
print(done.stdout.replace(str(folder), ""))

# %%
# What came back:

figure, axes = plt.subplots(2, 1, figsize=(7, 5.6), constrained_layout=True)
for axis, name in zip(axes, ("landscape", "mountains"), strict=True):
    axis.imshow(Image.open(folder / "results" / f"{name}_panel.jpg"))
    axis.axis("off")

# %%
# What is the same and what differs on a cluster, and when it pays: :doc:`/cluster`. *Photographs: Aitzol Berasategi,
# CC BY 4.0, scaled down.*
