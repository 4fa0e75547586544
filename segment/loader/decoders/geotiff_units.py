"""Units of projected systems by their EPSG numbers, for files that name a system and do not repeat its unit."""

from __future__ import annotations

__all__ = ["METERS_PER_EPSG_UNIT", "find_unit"]

# EPSG numbers of units, and their lengths: meter, foot, US survey foot, kilometer.
METERS_PER_EPSG_UNIT = {9001: 1.0, 9002: 0.3048, 9003: 1200 / 3937, 9036: 1000.0}

# GeoTIFF 1.1 leaves the unit out where it follows from the number, and GDAL does so where a system has heights, too. So
# here are the horizontal parts of the compound systems of EPSG, by their units, and UTM on WGS 84, ETRS89 and NAD83.
_IN_METERS = (
    "2154 2157 2169 2196-2198 2393 2955-2962 3006-3018 3057-3067 3154-3160 3395 3414 3761 3794 3812 3857 "
    "4093-4096 5048 5105-5130 5316-5325 5490 5596 5682-5685 6669-6681 7878-7887 8088 8908 9300 9367-9373 9387 "
    "9456 9709-9713 9741 9761-9766 9793-9794 9869-9880 9943 9967-9977 10183-10240 10275-10280 10471 10626 10641 "
    "10744-10745 10759 10851-10863 10899 11021-11026 20002 23700 25828-25838 26901-26940 26996-26998 27571-27583 "
    "27700 28992 31370 32601-32660 32701-32760"
)
_IN_FEET = "2222-2224 2251-2253 2256 2265-2266 2269-2270 2273"
_IN_SURVEY_FEET = (
    "2225-2250 2254-2255 2257-2264 2267-2268 2271-2272 2274-2279 2283-2289 2965-2966 3417-3438 3451-3455 "
    "3560-3567 3734-3739 4457 5646 26847-26854 32037"
)


def find_unit(system: int) -> int | None:
    """Find the unit of a projected system.

    Parameters
    ----------
    system : int
        Its EPSG number.

    Returns
    -------
    int or None
        The EPSG number of the unit; None where it is not known.

    Examples
    --------
    >>> find_unit(28992), find_unit(2230), find_unit(1024)
    (9001, 9003, None)
    """
    for unit, text in ((9001, _IN_METERS), (9002, _IN_FEET), (9003, _IN_SURVEY_FEET)):
        for words in text.split():
            first, _, last = words.partition("-")
            if int(first) <= system <= int(last or first):
                return unit
    return None
