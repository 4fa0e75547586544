r"""
Regions that people would draw
==============================

A watershed makes the finest regions; neighboring ones are merged, those first that most people would put together. The
cost of merging two regions is that of a perceptron,

.. math:: c_{ab} = \sigma\left( w^{\mathsf T} h(f_{ab}) \right)

of 18 cues :math:`f_{ab}` of their border, of their mixtures and of their sizes, four of them from a small network that
sees borders; it was learned from human segmentations of other photographs (BSDS500's training images), after its first
layers had learned objects (ImageNet). The order of merging is a hierarchy, and a cut of it at any level is a division
into regions. Code:
``segment/segmenter/regions``; all experiments: :doc:`/measured/quality`.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import segment

photograph = Image.open("../../images/mountains.jpg")
photograph.thumbnail((400, 400))

hierarchy = segment.region_hierarchy(np.asarray(photograph))
costs = np.sort(hierarchy.costs)[::-1]

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), constrained_layout=True)
left.semilogx(np.arange(2, len(costs) + 2), costs)
left.axhline(hierarchy.level, color="0.6")
left.set(
    xlabel="regions", ylabel="cost of the next merge", title="where the automatic cut lies"
)
right.imshow(hierarchy.contour_map(), cmap="gray_r")
right.axis("off")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
