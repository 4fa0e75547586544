"""Maps of the color and texture around each pixel: CIELAB, smoothed color, and the strength of texture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import filter_bilaterally, load_cv2

__all__ = ["compute_color_maps", "compute_derivatives", "compute_texture_maps", "scale_to_rgb", "smooth_maps"]

Map = NDArray[np.float32]
Maps = NDArray[np.float32]

_TEXTURE_SCALES = (1.0, 2.0)  # pixels
_TEXTURE_POOL = 4.0  # pixels: standard deviation of the Gaussian that averages texture
_BILATERAL = (5, 12.0, 3.0)  # window in pixels; standard deviations in units of CIELAB and in pixels


def compute_color_maps(image: Image) -> Maps:
    """Convert an image from sRGB to CIELAB under illuminant D65.

    Parameters
    ----------
    image : Image
        Its values are scaled from its black to its white. Fill the pixels that are not valid first.

    Returns
    -------
    ndarray of shape (3, H, W), float32
        L in 0..100, a and b; of a gray image L alone, (1, H, W).
    """
    cv2 = load_cv2()
    # OpenCV takes float RGB from 0 to 1 and applies the sRGB curve itself.
    lab = cv2.cvtColor(scale_to_rgb(image), cv2.COLOR_RGB2Lab)
    return np.ascontiguousarray(np.moveaxis(lab, 2, 0)[: 1 if image.is_gray else 3])


def scale_to_rgb(image: Image) -> NDArray[np.float32]:
    """Scale the pixels of an image from its black to its white.

    Parameters
    ----------
    image : Image

    Returns
    -------
    ndarray of shape (H, W, 3), float32, 0 to 1
        The three channels of a gray image are equal.
    """
    light = image.pixels.astype(np.float32)
    light -= np.float32(image.black)
    light /= np.float32(image.white - image.black)
    np.clip(light, 0, 1, out=light)
    return np.repeat(light[..., None], 3, axis=2) if image.is_gray else light


def smooth_maps(colors: Maps) -> Maps:
    """Smooth color maps but not their edges, by a bilateral filter.

    Parameters
    ----------
    colors : ndarray of shape (1 or 3, H, W), float32
        CIELAB, as :func:`compute_color_maps` returns it.

    Returns
    -------
    ndarray of the same shape, float32

    References
    ----------
    Tomasi & Manduchi 1998, ICCV.
    """
    smooth = filter_bilaterally(np.moveaxis(colors, 0, 2), *_BILATERAL)
    return np.ascontiguousarray(np.moveaxis(smooth, 2, 0))


def compute_texture_maps(lightness: Map) -> Maps:
    """Compute how strongly the lightness varies around each pixel, at two scales.

    The gradient's magnitude at a scale, times the scale, is averaged over a neighborhood and taken to ``log(1 + x)``.

    Parameters
    ----------
    lightness : ndarray of shape (H, W), float32, 0..100

    Returns
    -------
    ndarray of shape (2, H, W), float32, >= 0
    """
    cv2 = load_cv2()
    maps = []
    for sigma in _TEXTURE_SCALES:
        across, down = compute_derivatives(lightness, sigma)
        # cv2.magnitude rounds as the addresses of its arrays have it: the same image would not give the same bits.
        magnitude = np.sqrt(across**2 + down**2)
        energy = cv2.GaussianBlur(magnitude, (0, 0), _TEXTURE_POOL, borderType=cv2.BORDER_REPLICATE)
        # The logarithm brings strong and weak texture on one scale.
        maps.append(np.log1p(energy))
    return np.stack(maps)


def compute_derivatives(values: Map, sigma: float) -> tuple[Map, Map]:
    """Compute the derivatives of a map at a scale: smoothed by a Gaussian, and multiplied by its width.

    So multiplied, edges of all widths count alike (Lindeberg 1998, Int. J. Comput. Vis. 30).

    Parameters
    ----------
    values : ndarray of shape (H, W), float32
    sigma : float, > 0
        Standard deviation of the Gaussian, in pixels. Raised: only wider edges count.

    Returns
    -------
    across, down : ndarray of shape (H, W), float32
        Derivatives to the right and downwards, times `sigma`.
    """
    cv2 = load_cv2()
    edge = cv2.BORDER_REPLICATE
    smooth = cv2.GaussianBlur(values, (0, 0), sigma, borderType=edge)
    # A 3 x 1 Sobel kernel is (-1, 0, 1): half of it is the central difference.
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1, scale=sigma / 2, borderType=edge)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1, scale=sigma / 2, borderType=edge)
    return across, down
