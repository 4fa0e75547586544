"""What the surroundings of a pixel look like: smoothed color and the strength of texture, as maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2

__all__ = ["color_maps", "oriented_maps", "smooth_maps", "texture_maps"]

Maps = NDArray[np.float32]

_TEXTURE_SCALES = (1.0, 2.0)  # pixels
_TEXTURE_POOL = 4.0  # pixels: standard deviation of the Gaussian that gathers texture
_ORIENTED_SCALES = (0.7, 1.5)  # pixels
_ORIENTED_POOL = 3.0  # pixels
_BILATERAL = (5, 12.0, 3.0)  # window in pixels; standard deviations in units of CIELAB and in pixels


def color_maps(image: Image) -> Maps:
    """CIELAB of sRGB under D65: (3, H, W), float32, L in 0..100; of a gray image L alone, (1, H, W).

    The image's pixels count from its black to its white. Give values to the pixels that are not valid first.
    """
    cv2 = load_cv2()
    light = image.pixels.astype(np.float32)
    light -= np.float32(image.black)
    light /= np.float32(image.white - image.black)
    np.clip(light, 0, 1, out=light)
    if image.is_gray:
        light = np.repeat(light[..., None], 3, axis=2)
    lab = cv2.cvtColor(light, cv2.COLOR_RGB2Lab)
    return np.ascontiguousarray(np.moveaxis(lab, 2, 0)[: 1 if image.is_gray else 3])


def smooth_maps(colors: Maps) -> Maps:
    """Color maps smoothed between edges by a bilateral filter (Tomasi & Manduchi 1998, ICCV): the same shape."""
    cv2 = load_cv2()
    window, color, space = _BILATERAL
    stacked = np.ascontiguousarray(np.moveaxis(colors, 0, 2))
    smooth = cv2.bilateralFilter(stacked, window, color, space, borderType=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(np.moveaxis(smooth.reshape(stacked.shape), 2, 0))


def texture_maps(lightness: NDArray[np.float32]) -> Maps:
    """How strongly the lightness (H, W), in 0..100, varies around each pixel, at two scales: (2, H, W), float32.

    The gradient's magnitude at a scale, times the scale, is averaged over a neighborhood and taken to ``log(1 + x)``.
    """
    cv2 = load_cv2()
    edge = cv2.BORDER_REPLICATE
    maps = []
    for scale in _TEXTURE_SCALES:
        smooth = cv2.GaussianBlur(lightness, (0, 0), scale, borderType=edge)
        across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1, scale=scale / 2, borderType=edge)
        down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1, scale=scale / 2, borderType=edge)
        energy = cv2.GaussianBlur(cv2.magnitude(across, down), (0, 0), _TEXTURE_POOL, borderType=edge)
        maps.append(np.log1p(energy))
    return np.stack(maps)


def oriented_maps(lightness: NDArray[np.float32]) -> Maps:
    """How strongly the lightness (H, W), in 0..100, varies in four directions at two scales: (8, H, W), float32."""
    cv2 = load_cv2()
    edge = cv2.BORDER_REPLICATE
    half = np.float32(np.sqrt(0.5))
    maps = []
    for scale in _ORIENTED_SCALES:
        smooth = cv2.GaussianBlur(lightness, (0, 0), scale, borderType=edge)
        across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1, scale=scale / 2, borderType=edge)
        down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1, scale=scale / 2, borderType=edge)
        for change in (across, down, half * (across + down), half * (across - down)):
            maps.append(np.log1p(cv2.GaussianBlur(np.abs(change), (0, 0), _ORIENTED_POOL, borderType=edge)))
    return np.stack(maps)
