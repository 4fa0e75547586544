"""
Land cover, from a GeoTIFF to QGIS
==================================

.. code-block:: console

   pip install 'gmm-segment[geo]'
   segment raster scene.tif -k 4 -o cover                      # cover/scene_labels.tif, of any size
   segment run scene.tif -k 4 --save geojson,classes -o cover  # polygons and areas

Drag both files into QGIS: the labels have their palette and their place, the polygons the names of the classes. The scene
of this page is a photograph that has been given a place, with pixels of half a meter.
"""

import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_origin

import segment

IMAGES = Path("../../images")
folder = Path(tempfile.mkdtemp())

photograph = Image.open(IMAGES / "dandelions.jpg")
photograph.thumbnail((600, 600))
bands = np.moveaxis(np.asarray(photograph), 2, 0)
place = {"crs": "EPSG:32632", "transform": from_origin(691000, 5335000, 0.5, 0.5)}
with rasterio.open(
    folder / "scene.tif",
    "w",
    driver="GTiff",
    count=3,
    height=bands.shape[1],
    width=bands.shape[2],
    dtype="uint8",
    **place,
) as file:
    file.write(bands)

# %%
# The raster goes through tile by tile; the result is a GeoTIFF in the same place.

segment.segment_raster(folder / "scene.tif", folder / "scene_labels.tif", k=4)
with rasterio.open(folder / "scene_labels.tif") as file:
    labels, bounds, crs = file.read(1), file.bounds, file.crs
print(crs, bounds)

# %%
# Polygons, for maps of moderate size, and areas in hectares. Polygons are written in longitude and latitude; with
# ``geojson_crs="keep"`` they stay in the system of the scene.

result = segment.segment_image(
    folder / "scene.tif", k=4, save=("geojson", "classes"), geojson_crs="keep"
)
paths = result.save(folder, stem="scene")
features = json.loads((folder / "scene_classes.geojson").read_text())["features"]
for row in result.classes:
    print(f"{row.name}: {row.area / 10_000:.2f} ha")

# %%
# The map, in the coordinates of the system.

figure, axis = plt.subplots(figsize=(7, 4.2), constrained_layout=True)
axis.imshow(photograph, extent=(bounds.left, bounds.right, bounds.bottom, bounds.top))
for feature, color in zip(
    features, ("#ffffff", "#ff5555", "#55aaff", "#ffff55"), strict=True
):
    for polygon in feature["geometry"]["coordinates"]:
        for ring in polygon:
            axis.plot(*np.array(ring).T, color=color, linewidth=0.7)
axis.ticklabel_format(useOffset=False, style="plain")
axis.set(xlabel="east, m", ylabel="north, m", title="land cover: borders of the classes")

# %%
# *Photograph: Clemens Engelhardt, CC0 1.0, scaled down; its place on the map is made up.*
