"""
The mixture over the histogram of gray values
=============================================

``GaussianMixture`` is an estimator of scikit-learn with the engine of this package.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import segment

photograph = Image.open("../../images/sunset.jpg")
photograph.thumbnail((400, 400))
values = np.asarray(photograph.convert("L")).reshape(-1, 1).astype(float)
mixture = segment.GaussianMixture(n_components=4, random_state=0).fit(values)
grid = np.linspace(0, 255, 400)[:, None]

figure, axis = plt.subplots(figsize=(6, 3.4), constrained_layout=True)
axis.hist(values[:, 0], bins=128, density=True, color="0.8")
axis.plot(grid, np.exp(mixture.score_samples(grid)), color="black")
axis.set(xlabel="gray value", ylabel="density", ylim=(0, 0.02))

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
