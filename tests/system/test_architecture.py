"""The rooms of the package and the walls between them, read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import segment

PACKAGE = Path(segment.__file__).parent
HEAVY = {
    "numpy",
    "scipy",
    "sklearn",
    "skimage",
    "cv2",
    "PIL",
    "tifffile",
    "imagecodecs",
    "pillow_heif",
    "rawpy",
    "jinja2",
    "joblib",
    "rasterio",
    "shapely",
    "distributed",
    "dask",
    "starlette",
    "uvicorn",
    "asyncio",
}

# From the ground up. A room may import from its own layer and from those below it, never from those above.
LAYERS = (
    {"core"},
    {"config", "loader", "preprocessor", "mixture", "postprocessor"},
    {"features"},
    {"segmenter"},
    {"pipeline"},
    {"output"},
    {"runs"},
    {"cli", "web"},
    {"", "__main__"},  # segment/__init__.py names the public ones
)
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
MAX_ROOMS = 15
MAX_LINES, MAX_FUNCTION = 400, 60
# Rooms that share a layer and may import each other; all others of one layer are strangers.
NEIGHBORS = {"cli": {"web"}}

# The libraries of each room, and of the modules that need more.
LIBRARIES = {
    "": {"lazy_loader"},
    "core": {"numpy"},
    "core.opencv": {"cv2", "numpy"},
    "core.threads": {"threadpoolctl"},
    "core.atomic_files": set(),
    "loader": {"numpy", "PIL", "tifffile", "imagecodecs"},
    "loader.acquisition_time": {"PIL", "pillow_heif"},
    "loader.polygon_places": {"numpy", "rasterio"},
    "loader.decoders.camera_raw": {"numpy", "rawpy"},
    "loader.decoders.heic": {"numpy", "PIL", "pillow_heif"},
    "preprocessor": {"numpy", "scipy"},
    "features": {"numpy"},
    "mixture": {"numpy", "scipy"},
    "mixture.estimator": {"numpy", "sklearn"},
    "mixture.predictor_mixin": {"numpy", "sklearn"},
    "segmenter": {"numpy"},
    "segmenter.regions.boundary_evidence": {"numpy", "scipy"},
    "segmenter.regions.region_field": {"numpy", "scipy"},
    "segmenter.regions.region_hierarchy": {"networkx", "numpy"},
    "segmenter.regions.watershed_basins": {"numpy", "scipy", "skimage"},
    "postprocessor": {"numpy"},
    "pipeline": {"numpy"},
    "pipeline.label_matching": {"numpy", "scipy"},
    "pipeline.comparison": {"numpy", "sklearn"},
    "config.setting_arguments": {"numpy"},
    "output": {"numpy", "PIL"},
    "output.label_formats": {"numpy", "PIL", "tifffile"},
    "output.outlines": {"numpy", "scipy"},
    "output.objects": {"numpy", "scipy"},
    "output.simplification": {"numpy", "shapely"},
    "output.world_coordinates": {"numpy", "rasterio"},
    "output.tables": {"pandas"},
    "output.report.page": {"numpy", "jinja2", "markupsafe"},
    "output.report.index": {"numpy", "jinja2", "markupsafe"},
    "output.report.line_chart": {"numpy", "markupsafe"},
    "runs": {"numpy"},
    "runs.rasters.gdal_files": {"rasterio"},
    "runs.rasters.raster_opening": {"numpy", "rasterio"},
    "runs.rasters.reader": {"numpy", "rasterio"},
    "runs.rasters.raster_selection": {"numpy", "rasterio"},
    "runs.rasters.tile_selection": {"numpy", "rasterio"},
    "runs.rasters.virtual_rasters": set(),
    "runs.rasters.writer": {"numpy", "rasterio"},
    "runs.workers": {"distributed"},
    "runs.workers.dask_client": {"distributed", "tornado"},
    "runs.workers.processes": {"joblib"},
    "web": {"numpy", "starlette"},
    "web.server": {"uvicorn"},
    "cli": {"click"},
}

FILE_ROOMS = {"loader", "runs"}
FILE_MODULES = {
    "config.palette_file",
    "core.atomic_files",
    "output.label_formats",
    "output.result_mark",
    "output.world_coordinates",  # in memory
    "segmenter.class_model.storage",
    "segmenter.regions.learned_weights",
    "web.app",
    "web.exchange",
    "web.image_store",
    "web.image_work",
    "web.server",
}
FILE_NAMES = {"open"}
FILE_METHODS = {
    *("open", "read_bytes", "read_text", "write_bytes", "write_text", "mkdir", "rmdir", "unlink", "rename", "touch"),
    *("symlink_to", "hardlink_to", "iterdir", "glob", "rglob", "exists", "is_file", "is_dir", "stat", "lstat"),
    *("imread", "imwrite", "tofile", "fromfile", "memmap", "loadtxt", "savetxt"),
}
OS_FILE_FUNCTIONS = {
    *("listdir", "scandir", "walk", "stat", "lstat", "remove", "replace", "link", "symlink", "makedirs", "path"),
}

MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
NO_FILES = [name for name in MODULES if name.split(".")[0] not in FILE_ROOMS and name not in FILE_MODULES]
# The estimator prints its iterations where it is asked to be verbose, as in scikit-learn.
NO_TERMINAL = [name for name in MODULES if name.split(".")[0] != "cli" and name != "mixture.estimator_parameters"]


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


@pytest.fixture(scope="module", autouse=True)
def _forget_trees() -> Iterator[None]:
    """The trees of all modules take too much memory to be kept for the tests of other files."""
    yield
    tree.cache_clear()


def room(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


@cache
def imports(name: str) -> list[str]:
    """The full names of everything a module imports, at the top, in functions or for type checkers."""
    found: list[str] = []
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports are absolute"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [full if full.removeprefix("segment.") in MODULES else str(node.module) for full in inner]
    return found


def own_imports(name: str) -> set[str]:
    """The modules of this package that a module imports."""
    return {full.removeprefix("segment").lstrip(".") for full in imports(name) if full.split(".")[0] == "segment"}


@cache
def calls(name: str) -> set[str]:
    """What a module calls, as written: ``print``, ``path.unlink``."""
    called = [node.func for node in ast.walk(tree(name)) if isinstance(node, ast.Call)]
    return {ast.unparse(function) for function in called if isinstance(function, (ast.Name, ast.Attribute))}


def lines_of(node: ast.AST) -> int:
    """Length of a function without its docstring and decorators, in lines."""
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    length = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        length -= first.end_lineno - first.lineno + 1
    return length


# Each rule has one test for all modules: a test for each module and rule would be 2,400.


def may_import(here: str, there: str) -> bool:
    """Whether modules of a room may import those of another."""
    return here == there or LAYER[there] < LAYER[here] or there in NEIGHBORS.get(here, set())


def test_imports_point_down() -> None:
    pairs = [(name, inner) for name in MODULES for inner in own_imports(name)]
    assert [pair for pair in pairs if not may_import(*map(room, pair))] == []


def test_no_module_is_part_of_a_circle() -> None:
    graph = TopologicalSorter({name: own_imports(name) - {name, ""} for name in MODULES if name})
    graph.prepare()  # raises CycleError, which names the circle


def test_the_rooms_are_few_and_all_have_a_layer() -> None:
    rooms = {room(name) for name in MODULES}
    assert rooms == set(LAYER)
    assert len(rooms - {"", "__main__"}) <= MAX_ROOMS


def find_foreign_libraries(name: str) -> set[str]:
    """The libraries that a module imports although its room does not use them."""
    foreign = {full.split(".")[0] for full in imports(name)} - set(sys.stdlib_module_names) - {"segment"}
    above = [".".join(name.split(".")[:n]) for n in range(name.count(".") + 1, 0, -1)]
    return foreign - next((LIBRARIES[each] for each in above if each in LIBRARIES), set())


def test_libraries_are_used_where_they_belong() -> None:
    assert {name: foreign for name in MODULES if (foreign := find_foreign_libraries(name))} == {}


def touches_files(call: str) -> bool:
    """Whether a call, as written, reads or writes files."""
    if call.startswith("os.") and call.split(".")[1] in OS_FILE_FUNCTIONS:
        return True
    return call in FILE_NAMES or ("." in call and call.rsplit(".", 1)[1] in FILE_METHODS)


def test_only_loader_writer_and_batch_touch_files() -> None:
    assert [(name, call) for name in NO_FILES for call in calls(name) if touches_files(call)] == []


def test_only_the_command_line_prints_or_exits() -> None:
    forbidden = {"print", "exit", "quit", "input", "breakpoint", "sys.exit", "os._exit", "os.abort"}
    forbidden |= {"sys.stdout", "sys.stderr", "sys.argv"}
    for name in NO_TERMINAL:
        found = calls(name) | {ast.unparse(node) for node in ast.walk(tree(name)) if isinstance(node, ast.Attribute)}
        assert not found & forbidden, name
        assert not any(call.split(".")[-1] in {"imshow", "show", "waitKey"} for call in calls(name)), name


def test_functions_import_scipy_one_at_a_time() -> None:
    """Threads that import two parts of it at once get an ImportError now and then."""

    def find_imports(node: ast.AST) -> set[str]:
        """The modules that are imported without the lock."""
        if isinstance(node, ast.Import):
            return {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            return {str(node.module)}
        if isinstance(node, ast.With) and ast.unparse(node.items[0]) == "IMPORT_LOCK":
            return set()
        return set().union(*map(find_imports, ast.iter_child_nodes(node)))

    libraries = {"scipy", "skimage", "sklearn"}
    for name in MODULES:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.FunctionDef):
                assert not {part.split(".")[0] for part in find_imports(node)} & libraries, (name, node.name)


def test_sums_do_not_depend_on_where_arrays_lie_in_memory() -> None:
    """The last bits of OpenCV's sum of floats do, and so would those of a table from run to run."""
    assert not [name for name in MODULES if any(call.endswith("sumElems") for call in calls(name))]


def test_files_and_functions_stay_short() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}
    nodes = [(name, node) for name in MODULES for node in ast.walk(tree(name))]
    functions = [(name, node) for name, node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert [(name, node.name) for name, node in functions if lines_of(node) > MAX_FUNCTION] == []


def test_every_module_says_what_it_is_and_is_named_by_a_noun() -> None:
    assert [name for name in MODULES if not ast.get_docstring(tree(name))] == []
    nouns = {name.rsplit(".", maxsplit=1)[-1] for name in MODULES}
    assert not nouns & {"utils", "util", "helpers", "misc", "tools"}


@cache
def offered(name: str) -> set[str]:
    """The names in a module's ``__all__``."""
    for node in tree(name).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def test_what_is_imported_is_offered() -> None:
    nodes = ((name, node) for name in MODULES for node in ast.walk(tree(name)))
    for name, node in nodes:
        if not isinstance(node, ast.ImportFrom) or str(node.module).split(".", maxsplit=1)[0] != "segment":
            continue
        home = str(node.module).removeprefix("segment").lstrip(".")
        taken = {alias.name for alias in node.names if f"{home}.{alias.name}" not in MODULES}
        assert taken <= offered(home), f"{name} takes what {home} does not offer"


def test_public_names_are_there() -> None:
    for name in segment.__all__:
        assert getattr(segment, name) is not None
    assert dir(segment) == sorted(segment.__all__)
    with pytest.raises(AttributeError, match="attribute nothing"):
        segment.nothing  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "import segment",
        "from segment import SegmentConfig, SegmentError",
        "from segment.cli.main import main; main(['run', '--help'])",
        "from segment.cli.main import main; main(['--version'])",
        "from segment.cli.main import main; main(['run', 'a.png', '-k', '0'])",
    ],
)
def test_starting_loads_no_heavy_library(statement: str) -> None:
    script = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('LOADED', *sorted({name.split('.')[0] for name in sys.modules})))\n"
        f"{statement}"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    loaded = set(done.stdout.rsplit("LOADED", 1)[1].split())
    assert "segment" in loaded
    assert not loaded & HEAVY


def test_help_loads_no_metadata_of_packages() -> None:
    """They take a tenth of the time of ``segment --help``."""
    script = "import sys\nfrom segment.cli.main import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    loaded = set(done.stdout.split())
    assert "segment.cli.commands" in loaded
    assert "importlib.metadata" not in loaded


def test_a_run_on_a_photograph_loads_neither_scipy_nor_scikit_learn(landscape: Path, tmp_path: Path) -> None:
    """They take 0.1 s and more to load, a tenth of such a run; masked arrays, 0.01 s, are loaded by many functions."""
    script = (
        "import sys, segment\n"
        f"result = segment.segment_image({str(landscape)!r}, k=4, n_init=2)\n"
        f"result.save({str(tmp_path)!r})\n"
        "import segment.pipeline.alignment\n"  # where a saved model is applied, it is compared with the image
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"scipy", "sklearn", "skimage", "joblib", "numpy.ma"}
