"""Small RAW files as cameras write them: a preview in the first page, the mosaic of the sensor in a subpage."""

from __future__ import annotations

import io

import numpy as np
import tifffile

# Numbers of tags, and their values: the version of DNG, the model of the camera, the mosaic, and the white balance.
_DNG = [(50706, "B", 4, (1, 4, 0, 0), True), (50708, "s", 0, "Test Camera", True)]
_MOSAIC = [(33421, "H", 2, (2, 2), True), (33422, "B", 4, (0, 1, 1, 2), True)]


def encode_dng(pixels, *, orientation=1, bit=1, balance=True):
    """Write an RGB array as a DNG."""
    # The neutral color that the camera saw (AsShotNeutral), as fractions.
    neutral = [(50728, "2I", 3, (1, 2, 1, 1, 2, 3), True)] if balance else []
    return _encode(pixels, [*_DNG, (274, "H", 1, orientation, True), *neutral], bit)


def encode_nef(pixels):
    """Write an RGB array as a RAW file without the tags of DNG."""
    return _encode(pixels, [(271, "s", 0, "NIKON CORPORATION", True)], 1)


def _encode(pixels, tags, bit):
    mosaic = np.zeros(pixels.shape[:2], np.uint16)
    for (row, column), channel in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        mosaic[row::2, column::2] = pixels[row::2, column::2, channel]
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as tiff:
        preview = np.ascontiguousarray(pixels[::4, ::4])
        tiff.write(preview, photometric="rgb", subifds=1, subfiletype=bit, extratags=tags, metadata=None)
        tiff.write(mosaic * 250, photometric="cfa", subfiletype=0, extratags=_MOSAIC, metadata=None)
    return stream.getvalue()
