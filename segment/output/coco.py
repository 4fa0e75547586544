"""Encode the masks of classes as COCO annotations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.output.label_formats import NOTHING

__all__ = ["compute_run_lengths", "encode_coco"]

Labels = NDArray[np.integer[Any]]


def encode_coco(
    label_image: Labels, names: Sequence[str], *, file_name: str, reading: Mapping[str, Any] = NOTHING
) -> str:
    """Encode a label image as COCO annotations: the mask of each class that has pixels as compressed run lengths.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..k
        0 is no label.
    names : sequence of k str
        Names of the categories 1..k.
    file_name : str
        Name of the image.
    reading : mapping of str to value
        Settings with which the image was read: the masks are of its `page` and of the part `crop` alone.

    Returns
    -------
    str
        A JSON document.
    """
    height, width = label_image.shape
    annotations = []
    for label, (counts, box) in compute_run_lengths(label_image).items():
        mask = {"size": [height, width], "counts": _compress_run_lengths(counts)}
        known = {"id": label, "image_id": 1, "category_id": label, "iscrowd": 0}
        annotations.append({**known, "area": int(counts[1::2].sum()), "bbox": box, "segmentation": mask})
    part = {name: reading[name] for name in ("page", "crop") if name in reading}
    document = {
        "images": [{"id": 1, "width": width, "height": height, "file_name": file_name, **part}],
        "categories": [{"id": label, "name": name} for label, name in enumerate(names, start=1)],
        "annotations": annotations,
    }
    return json.dumps(document) + "\n"


def compute_run_lengths(label_image: Labels) -> dict[int, tuple[NDArray[np.int64], list[int]]]:
    """Compute the run lengths, as COCO counts them, and the box of each label above 0 that occurs.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers >= 0
        0 is no label.

    Returns
    -------
    dict of label to (counts, box)
        The counts are the lengths of runs outside and inside the mask in turn, down the columns, the first outside
        and perhaps 0. The box is [left, top, width, height] in pixels.

    Examples
    --------
    >>> counts, box = compute_run_lengths(np.array([[0, 1], [0, 1]]))[1]
    >>> counts.tolist(), box
    ([2, 2], [1, 0, 1, 2])
    """
    height = label_image.shape[0]
    flat = np.ascontiguousarray(label_image.T).reshape(-1)
    begin = np.append(0, np.flatnonzero(flat[1:] != flat[:-1]) + 1)
    end = np.append(begin[1:], flat.size)
    label = flat[begin]
    found = {}
    for wanted in np.unique(label[label > 0]).tolist():
        # Runs outside and inside of the mask end where a run of the label begins and ends in turn.
        is_wanted = label == wanted
        bounds = np.stack([begin[is_wanted], end[is_wanted]], axis=1).reshape(-1)
        ends = bounds if bounds[-1] == flat.size else np.append(bounds, flat.size)
        found[wanted] = np.diff(ends, prepend=0), _find_box(begin[is_wanted], end[is_wanted] - 1, height)
    return found


def _find_box(first: NDArray[np.intp], last: NDArray[np.intp], height: int) -> list[int]:
    """Find the box around runs down the columns, from their first and last pixels: [left, top, width, height]."""
    left, right = int(first[0]) // height, int(last[-1]) // height
    # A run that goes on from the foot of a column to the head of the next touches the top and the bottom.
    wraps = first // height != last // height
    top = 0 if wraps.any() else int((first % height).min())
    bottom = height - 1 if wraps.any() else int((last % height).max())
    return [left, top, right - left + 1, bottom - top + 1]


def _compress_run_lengths(counts: NDArray[np.int64]) -> str:
    """Compress run lengths to COCO's text: differences from the count before the last, 5 bits a character.

    The format is that of `rleToString` in pycocotools' maskApi.c: low bits come first, bit 6 says that more follow, and
    the sign is extended from the highest bit of the last character.
    """
    values = counts.copy()
    values[3:] -= counts[1:-2]
    characters = []
    unfinished = np.ones(values.size, bool)
    # One character of every number in each round; 0 stands for the characters that a finished number does not have.
    while unfinished.any():
        low = values & 0x1F
        values = values >> 5
        more = np.where(low & 0x10, values != -1, values != 0)
        characters.append(np.where(unfinished, (low | (more.astype(np.int64) << 5)) + 48, 0))
        unfinished &= more
    text = np.stack(characters, axis=1).reshape(-1)
    return bytes(text[text > 0].astype(np.uint8)).decode("ascii")
