"""
The library in a vision pipeline
================================

Classes are fitted once and then found in every frame, between OpenCV before and NumPy after. A result is arrays: labels,
masks, posteriors.
"""

from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np

import segment

IMAGES = Path("../../images")

# %%
# OpenCV decodes to blue, green, red; the library wants red, green, blue. Frames are parts of one photograph here, as if a camera
# turned over it.

data = np.fromfile(IMAGES / "mountains.jpg", np.uint8)
picture = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_REDUCED_COLOR_4), cv2.COLOR_BGR2RGB)
frames = [np.ascontiguousarray(picture[:, left : left + 240]) for left in (0, 80, 160)]
names = ("1=grass", "2=rock", "3=sky", "4=white")
model = segment.fit_classes(frames[:1], k=4, name=names)

# %%
# Each frame: its labels, the largest connected area of a class by OpenCV, and the box around it.

figure, axes = plt.subplots(1, 3, figsize=(10, 3.8), constrained_layout=True)
for axis, frame in zip(axes, frames, strict=True):
    result = segment.apply_classes(model, frame)
    mask = result.mask("sky").astype(np.uint8)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(mask)
    left, top, width, height, area = max(boxes[1:], key=lambda box: box[cv2.CC_STAT_AREA])
    axis.imshow(result.contours())
    axis.add_patch(
        plt.Rectangle((left, top), width, height, fill=False, color="red", linewidth=2)
    )
    axis.set_title(f"sky: {mask.mean():.0%}, largest piece {area} pixels")
    axis.axis("off")

# %%
# Settings are one object that can be kept, compared and changed.

config = segment.SegmentConfig(k=4, features="lab", smoothness=6)
result = segment.segment_image(frames[0], config)
print(result)

# %%
# Every error that the library raises on purpose is a :class:`segment.SegmentError`.

try:
    segment.segment_image(frames[0], k=0)
except segment.SegmentError as error:
    print(error)

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
