"""Damaged and lying files from seeds; ``python tests/fuzz.py --minutes N`` tries more."""

import pytest
from fuzz import run_cases


@pytest.mark.parametrize("first", range(0, 1000, 100))
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path, first):
    run_cases(first, 100, tmp_path)
