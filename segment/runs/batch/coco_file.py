"""One COCO file for a folder, made of those of its images, with numbers that are different in all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from segment.runs.batch.journal import Journal
from segment.runs.batch.manifest import open_replacement

__all__ = ["COCO", "write_coco_file"]

COCO = "segment_coco.json"


def write_coco_file(journal: Journal, names: Sequence[str]) -> None:
    """Write one COCO file of the masks of all images; nothing where no image has some.

    Classes of one name are one category. Images are called by their paths below the folder; each of several pages has
    its number, ``page``.

    Parameters
    ----------
    journal : Journal
        Has the rows of the manifest, which name the files of the images.
    names : sequence of str
        The images, in order.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    if next(_iterate_documents(journal, names), None) is None:
        return
    images: list[dict[str, Any]] = []
    categories: dict[str, int] = {}
    with open_replacement(journal.folder / COCO) as file:
        # The masks are written as they are read, so those of one image are in memory at a time.
        file.write('{"annotations": [')
        number = 0
        for name, document in _iterate_documents(journal, names):
            (image,) = document["images"]
            images.append({**image, "id": len(images) + 1, "file_name": name})
            numbers = {
                item["id"]: categories.setdefault(item["name"], len(categories) + 1) for item in document["categories"]
            }
            for annotation in document["annotations"]:
                number += 1
                known_ids = {"id": number, "image_id": len(images), "category_id": numbers[annotation["category_id"]]}
                file.write(("" if number == 1 else ",\n") + json.dumps({**annotation, **known_ids}))
        rows = [{"id": category, "name": name} for name, category in categories.items()]
        file.write(f'],\n"categories": {json.dumps(rows)},\n"images": {json.dumps(images)}}}\n')


def _iterate_documents(journal: Journal, names: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Iterate over the COCO files of the images, each with the name of its image."""
    for row in journal.iterate_rows(names):
        files = [output["file"] for output in row["outputs"] if output["file"].endswith("_coco.json")]
        for page, file in enumerate(files, start=1):
            document = json.loads((journal.folder / file).read_text(encoding="utf-8"))
            if len(files) > 1:
                document["images"][0]["page"] = page
            yield row["input"], document
