"""Notes that a value stands for no data."""

from __future__ import annotations

import pickle

import numpy as np

from segment.core.float_range import find_float_range
from segment.core.float_scale import choose_float_scale
from segment.core.nodata_notes import NodataNote


def test_the_note_of_no_data_goes_through_pickle_with_its_value() -> None:
    values = np.append(np.linspace(10, 20, 5000), -9999).astype(np.float32)[:, None]
    note = choose_float_scale(find_float_range(values)).notes[0]
    found = pickle.loads(pickle.dumps(note))
    assert isinstance(found, NodataNote)
    assert (found, found.values) == (note, (-9999,))
