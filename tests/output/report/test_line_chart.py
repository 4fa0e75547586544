"""Line charts: curves go through their points, and ticks differ."""

from __future__ import annotations

import re

import pytest

from segment.output.report.line_chart import draw_line_chart


def test_a_curve_goes_through_its_points() -> None:
    chart = draw_line_chart([1, 2, 4], [10.0, 20.0, 15.0], x_label="k & more", y_label="value", marked=[2])
    assert "k &amp; more" in chart
    ((x, y),) = re.findall(r'class="mark" cx="([\d.]+)" cy="([\d.]+)"', chart)
    assert float(x) == pytest.approx(88 + 356 / 3, abs=0.06)
    assert float(y) == 16.0
    assert len(re.findall('class="point"', chart)) == 2


def test_ticks_of_close_values_differ() -> None:
    chart = draw_line_chart([0, 1, 2], [-12.481842, -12.481838, -12.481836], x_label="iteration", y_label="value")
    values = re.findall(r'text-anchor="end">([^<]*)<', chart)
    assert len(values) > 1
    assert len(set(values)) == len(values)


def test_long_numbers_have_room() -> None:
    close = draw_line_chart([0, 1], [-12.481782, -12.481779], x_label="iteration", y_label="value")
    far = draw_line_chart([0, 1], [1.0, 3.0], x_label="iteration", y_label="value")
    places = [
        float(re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="end">', chart)[0]) for chart in (close, far)
    ]
    longest = max(map(len, re.findall(r'text-anchor="end">([^<]*)<', close)))
    assert longest == 10
    assert places[0] >= 8 * longest
    assert places[1] == 80
