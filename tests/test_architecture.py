"""The rooms of the package and the walls between them, read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
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
    "jinja2",
    "joblib",
    "rasterio",
    "distributed",
    "dask",
}

COMMON = {"errors", "georeference", "image", "_opencv", "threads", "palette", "mark"}
# What each room may import of this package. A new module needs a place here.
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "_opencv": {"errors"},
    "threads": {"_opencv"},
    "georeference": set(),
    "image": {"errors", "georeference"},
    "palette": {"_opencv", "errors"},
    "mark": set(),
    "setting": {"errors"},
    "products": {"writer", "tables", "vectors", "label_formats"},
    "naming": {"mixture"},
    "rules": {"errors", "setting", "products"},
    "saving": {"products", "writer"},
    "config": {"errors", "setting", "products", "rules"},
    "mixture": {"errors", "mixture"},
    "spatial": {"errors", "_opencv", "threads", "spatial"},
    "decoders": {"errors", "georeference", "image", "decoders"},
    # the stages
    "loader": COMMON | {"decoders"},
    "preprocessor": COMMON,
    "appearance": COMMON,
    "colours": COMMON,
    "features": COMMON | {"mixture"},
    "segmenter": COMMON | {"mixture"},
    "postprocessor": COMMON | {"spatial"},
    "statistics": COMMON,
    "tables": COMMON,
    "measurements": COMMON | {"spatial"},
    "vectors": COMMON | {"spatial"},
    "visualizer": COMMON | {"visualizer"},
    "label_formats": COMMON,
    "charts": COMMON | {"mixture"},
    "origin": set(),
    "writer": COMMON,
}
STAGES = set(ROOMS) - COMMON - {"config", "setting", "products", "rules", "saving", "naming", "mixture", "spatial"}
ROOMS["class_models"] = {"errors", "config", "rules", "image", "features", "mixture", "writer", "class_models"}
ROOMS["evidence"] = COMMON | {"appearance", "mixture", "spatial"}
ROOMS["grouping"] = {"errors", "image", "preprocessor", "evidence", "spatial"}
ROOMS["whole_regions"] = {"errors", "image", "colours", "features", "segmenter", "grouping", "mixture", "spatial"}
ROOMS["choice"] = {*STAGES, "errors", "image", "mixture", "spatial"}
ROOMS["coherence"] = {*STAGES, "errors", "image", "_opencv", "threads", "mixture", "spatial"}
ROOMS["strength"] = {*STAGES, "coherence", "image", "mixture", "spatial"}
ROOMS["modelling"] = {
    *STAGES,
    "choice",
    "coherence",
    "strength",
    "errors",
    "image",
    "config",
    "naming",
    "mixture",
    "spatial",
}
ROOMS["modelling"] |= {"class_models", "whole_regions"}
ROOMS["emptiness"] = {"config", "statistics"}
ROOMS["segmentation"] = set(ROOMS)
ROOMS["report"] = set(ROOMS) | {"", "report"}
ROOMS["segmentation"].add("report")
ROOMS["pipeline"] = set(ROOMS)
ROOMS["regional"] = set(ROOMS)
ROOMS["training"] = set(ROOMS)
ROOMS["alignment"] = set(ROOMS)
ROOMS["classes"] = set(ROOMS)
ROOMS["comparison"] = set(ROOMS)
ROOMS["cluster"] = {"", "errors", "_opencv", "cluster"}
ROOMS["rasters"] = (
    COMMON | STAGES | {"coherence", "config", "emptiness", "mixture", "modelling", "pipeline", "rasters", "cluster"}
)
ROOMS["batch"] = {
    "errors",
    "config",
    "products",
    "writer",
    "pipeline",
    "classes",
    "class_models",
    "comparison",
    "batch",
    "regional",
}
ROOMS["batch"] |= {"", "mark", "_opencv", "loader", "alignment", "training", "report", "segmentation", "cluster"}
ROOMS["cli"] = {
    "errors",
    "config",
    "setting",
    "rules",
    "batch",
    "cli",
    "",
    "classes",
    "class_models",
    "tables",
    "rasters",
    "cluster",
}
ROOMS["__main__"] = {"cli"}
ROOMS[""] = set(ROOMS)  # segment/__init__.py names the public ones

LIBRARIES = {
    "mixture": {"numpy", "scipy"},
    "spatial": {"numpy"},
    "spatial.outlines": {"numpy", "scipy"},
    "vectors": {"numpy"},
    "measurements": {"numpy"},
    "spatial.adjacency": {"numpy", "scipy"},
    "spatial.kinship": {"numpy", "scipy"},
    "spatial.boundaries": {"numpy", "scipy", "skimage"},
    "mixture.estimator": {"numpy", "sklearn"},
    "decoders": {"numpy", "PIL", "tifffile", "imagecodecs"},
    "writer": {"numpy", "PIL"},
    "mark": {"PIL"},
    "visualizer": {"numpy", "PIL"},
    "label_formats": {"numpy", "PIL", "tifffile"},
    "naming": {"numpy"},
    "preprocessor": {"numpy", "scipy"},
    "_opencv": {"cv2"},
    "batch.jobs": {"numpy"},
    "batch.workers": {"joblib"},
    "cluster": {"distributed"},
    "alignment": {"numpy"},
    "training": {"numpy"},
    "cli": {"click"},
    "class_models": {"numpy"},
    "classes": {"numpy"},
    "coherence": {"numpy"},
    "modelling": {"numpy"},
    "strength": {"numpy"},
    "charts": {"numpy", "PIL"},
    "appearance": {"numpy"},
    "whole_regions": {"numpy"},
    "colours": {"numpy"},
    "evidence": {"numpy"},
    "grouping": {"numpy"},
    "regional": {"numpy"},
    "comparison": {"numpy", "sklearn"},
    "choice": {"numpy"},
    "features": {"numpy"},
    "image": {"numpy"},
    "palette": {"numpy"},
    "pipeline": {"numpy"},
    "emptiness": {"numpy"},
    "report": {"numpy", "jinja2", "markupsafe"},
    "postprocessor": {"numpy"},
    "segmentation": {"numpy"},
    "segmenter": {"numpy"},
    "rasters": {"numpy"},
    "rasters.source": {"numpy", "rasterio"},
    "rasters.target": {"numpy", "rasterio"},
    "statistics": {"numpy"},
}

FILE_ROOMS = {"mark", "label_formats", "rasters", "cluster", "loader", "decoders", "writer", "batch", "class_models"}
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
NO_FILES = [name for name in MODULES if name.split(".")[0] not in FILE_ROOMS]
NO_TERMINAL = [name for name in MODULES if name.split(".")[0] != "cli"]
each_module = pytest.mark.parametrize("name", MODULES)


def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def room(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def imports(name: str) -> Iterator[str]:
    """The full names of everything a module imports, at the top, in functions or for type checkers."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports are absolute"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (full if full.removeprefix("segment.") in MODULES else str(node.module) for full in inner)


def calls(name: str) -> Iterator[str]:
    """What a module calls, as written: ``print``, ``path.unlink``."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            yield ast.unparse(node.func)


def lines_of(node: ast.AST) -> int:
    """Length of a function without its docstring and decorators, in lines."""
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    length = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        length -= first.end_lineno - first.lineno + 1
    return length


@each_module
def test_imports_point_one_way(name: str) -> None:
    ours = {full.removeprefix("segment").lstrip(".") for full in imports(name) if full.split(".")[0] == "segment"}
    assert {room(inner) for inner in ours} <= ROOMS[room(name)]


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_stages_know_neither_each_other_nor_the_settings(stage: str) -> None:
    assert ROOMS[stage] & STAGES <= {"decoders", stage}
    assert not ROOMS[stage] & {"config", "cli", "batch", "pipeline", "segmentation"}


@each_module
def test_libraries_are_used_where_they_belong(name: str) -> None:
    foreign = {full.split(".")[0] for full in imports(name)} - set(sys.stdlib_module_names) - {"segment"}
    assert foreign <= LIBRARIES.get(name, LIBRARIES.get(room(name), set()))


@pytest.mark.parametrize("name", NO_FILES)
def test_only_loader_writer_and_batch_touch_files(name: str) -> None:
    for call in calls(name):
        assert call not in FILE_NAMES
        assert "." not in call or call.rsplit(".", 1)[1] not in FILE_METHODS
        assert not (call.startswith("os.") and call.split(".")[1] in OS_FILE_FUNCTIONS)


@pytest.mark.parametrize("name", NO_TERMINAL)
def test_only_the_command_line_prints_or_exits(name: str) -> None:
    found = set(calls(name))
    assert not found & {"print", "exit", "quit", "input", "breakpoint", "sys.exit", "os._exit", "os.abort"}
    attributes = {ast.unparse(node) for node in ast.walk(tree(name)) if isinstance(node, ast.Attribute)}
    assert not attributes & {"sys.stdout", "sys.stderr", "sys.argv"}
    assert not any(call.split(".")[-1] in {"imshow", "show", "waitKey"} for call in found)


@each_module
def test_files_and_functions_stay_short(name: str) -> None:
    length = len(MODULES[name].read_text(encoding="utf-8").splitlines())
    assert length <= 300
    functions = [node for node in ast.walk(tree(name)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert {node.name: lines_of(node) for node in functions if lines_of(node) > 50} == {}


@each_module
def test_every_module_says_what_it_is_and_is_named_by_a_noun(name: str) -> None:
    assert ast.get_docstring(tree(name))
    assert name.rsplit(".", maxsplit=1)[-1] not in {"utils", "util", "helpers", "misc", "tools"}


def offered(name: str) -> set[str]:
    """The names in a module's ``__all__``."""
    for node in tree(name).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


@each_module
def test_what_is_imported_is_offered(name: str) -> None:
    for node in ast.walk(tree(name)):
        if not isinstance(node, ast.ImportFrom) or str(node.module).split(".", maxsplit=1)[0] != "segment":
            continue
        home = str(node.module).removeprefix("segment").lstrip(".")
        assert {alias.name for alias in node.names} <= offered(home), f"{name} takes what {home} does not offer"


def test_public_names_are_there() -> None:
    for name in segment.__all__:
        assert getattr(segment, name) is not None
    assert dir(segment) == sorted(segment.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
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
