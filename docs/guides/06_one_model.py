"""
One model for a folder
======================

By default each photograph has classes of its own. Where a number is to mean the same in all of them, fit one model:

.. code-block:: console

   segment batch photographs -k 4 --model shared -o same          # fitted to all of them
   segment fit monday.jpg tuesday.jpg -k 4 -o model.json          # or to some,
   segment batch photographs --model model.json -o applied        # and applied to all

An image that the model explains badly gets a warning: it has drifted.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import segment

IMAGES = Path("../../images")
photograph = Image.open(IMAGES / "landscape.jpg")
photograph.thumbnail((480, 480))
morning = np.asarray(photograph)
evening = np.clip(morning * 0.9 + 4, 0, 255).astype(np.uint8)
night = (morning * 0.45).astype(np.uint8)

model = segment.fit_classes(
    [morning, evening], k=4, name=("1=trees", "2=meadow", "3=mountain", "4=sky")
)
path = segment.save_class_model(model, Path(tempfile.mkdtemp()) / "model.json")

# %%
# Each picture gets the same names, numbers and colors. The third is too dark for this model, and says so.

model = segment.load_class_model(path)
figure, axes = plt.subplots(1, 3, figsize=(11, 2.9), constrained_layout=True)
for axis, (name, picture) in zip(
    axes, {"morning": morning, "evening": evening, "night": night}.items(), strict=True
):
    result = segment.apply_classes(model, picture)
    axis.imshow(result.overlay())
    axis.set_title(f"{name}: sky {result.mask('sky').mean():.0%}")
    axis.axis("off")
    print(f"{name}: {', '.join(result.warnings) or 'no warning'}")

# %%
# What the file holds is in :doc:`/reference/model`. *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
