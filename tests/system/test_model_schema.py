"""The JSON Schema in the documentation describes the files that are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import segment

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "reference" / "model.schema.json").read_text("utf-8"))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"name": ("1=dark",), "components_per_class": 2, "denoise": "median", "features": "lab"},
        {"tails": "student", "covariance_type": "diag"},
        {"noise": True, "covariance_type": "tied"},
        {"merge": "1,2"},
    ],
)
def test_saved_models_are_as_the_schema_says(settings: dict[str, Any], quadrants: np.ndarray, tmp_path: Path) -> None:
    model = segment.fit_classes([quadrants], k=2, n_init=2, **settings)
    path = segment.save_class_model(model, tmp_path / "model.json")
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(path.read_text("utf-8")))


def test_the_schema_refuses_what_the_reader_refuses(quadrants: np.ndarray, tmp_path: Path) -> None:
    path = segment.save_class_model(segment.fit_classes([quadrants], k=2, n_init=2), tmp_path / "model.json")
    good = json.loads(path.read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert validator.is_valid(good)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for change in ({"version": 2}, {"extra": 1}, {"classes": []}, {"noise": {"share": 0.1}}, {"covariance_type": "x"}):
        fields = good | change
        assert not validator.is_valid(fields)
        path.write_text(json.dumps(fields), "utf-8")
        with pytest.raises(segment.ModelError):
            segment.load_class_model(path)
