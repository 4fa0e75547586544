"""The products of ``--save``: which files each makes, and what they are called."""

from __future__ import annotations

import pytest

from segment.config.products import PRODUCTS, plan_files


def names(*save: str, stem: str = "a", picture: str = ".png", k: int = 2) -> list[str]:
    return [file.name for file in plan_files(stem, save, picture=picture, n_classes=k)]


def test_file_names() -> None:
    assert names("panel", "labels", picture=".jpg") == ["a_panel.jpg", "a_labels.png"]
    assert names("labels", stem="a.b", picture=".jpg") == ["a.b_labels.png"]
    assert names("model") == ["a_model.json"]
    assert names("compared", picture=".jpg") == ["a_compared.jpg"]


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
def test_every_product_says_what_it_is_and_has_names_of_its_own(product: object) -> None:
    others = [other for other in PRODUCTS if other is not product]
    assert product.help
    assert not set(names(product.name)) & set(names(*(other.name for other in others)))
    begin, of_a_format = f"a_{product.name.removesuffix('s')}", f"a_classes.{product.name}"
    assert all(name.startswith(begin) or name == of_a_format for name in names(product.name))
