"""What a result measures of its classes, once, whichever thread asks first: outlines and tables."""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property
from threading import RLock
from typing import Any, cast

from numpy.typing import NDArray

from segment.pipeline.output_loader import load_output
from segment.pipeline.result_views import ResultViews

__all__ = ["MeasuredViews"]

Table = dict[str, NDArray[Any]]


class MeasuredViews(ResultViews):
    """What every result that is in memory measures of its classes."""

    def __getstate__(self) -> dict[str, Any]:
        # A pickle has neither the lock nor the cached values, which are computed again where they are needed.
        return {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]  # a dataclass

    @property
    def _lock(self) -> Any:
        """The lock of this result: files are made in threads, and several may ask for one cached value at once."""
        # setdefault is atomic, and no field of the result that is compared or pickled.
        return self.__dict__.setdefault("_own_lock", RLock())

    def shapes(self) -> Any:
        """Trace the outlines of the classes, for :mod:`segment.output.shapes`; done once.

        Returns
        -------
        Shapes
        """
        with self._lock:
            return self._shapes

    def class_table(self) -> Table:
        """Measure each class; done once, together with :meth:`region_table`.

        Returns
        -------
        dict of str to ndarray
            Columns of :mod:`segment.output.measurements`, a value for every class. A result with posteriors has
            ``posterior`` too, the mean probability of the pixels' own class, and ``uncertainty`` in bits.
        """
        with self._lock:
            return self._tables[0]

    def region_table(self) -> Table:
        """Measure each connected region; done once, together with :meth:`class_table`.

        Returns
        -------
        dict of str to ndarray
            Columns as in :meth:`class_table`, with a value for every region.

        Raises
        ------
        ImageError
            If there are more regions than a table may have rows.
        """
        with self._lock:
            table = self._tables[1]
        return cast("Table", load_output("result_tables").require_regions(table, self.label_image, self.image))

    @cached_property
    def _shapes(self) -> Any:
        return load_output("shapes").trace_classes(self.label_image)

    @cached_property
    def _tables(self) -> tuple[Table, Table]:
        return self._measure()

    def _measure(self) -> tuple[Table, Table]:
        """Measure the classes and the connected regions."""
        raise NotImplementedError
