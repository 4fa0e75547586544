"""Files of settings: errors name them, and they are written as every other result."""

from __future__ import annotations

from pathlib import Path

import pytest

from segment.config.config import SegmentConfig
from segment.core.errors import OutputError, SettingsError
from segment.runs.config_files import MAX_BYTES, load_config_file, write_config_file


def test_a_file_is_written_where_it_is_asked_for_and_read_again(tmp_path: Path) -> None:
    config = SegmentConfig(k=3, save=("config",))
    assert write_config_file(SegmentConfig(k=3), tmp_path, "a") == ()
    (path,) = write_config_file(config, tmp_path, "a")
    assert path == tmp_path / "a_config.toml"
    assert load_config_file(path) == {"k": 3, "save": ("config",)}
    with pytest.raises(OutputError, match="exists already"):
        write_config_file(config, tmp_path, "a")
    # Windows' editors begin a text with a mark.
    path.write_bytes(b"\xef\xbb\xbfk = 5\r\n")
    assert load_config_file(path) == {"k": 5}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xd8\xff", "the settings (--config) cannot be read; it is no text in UTF-8. Check the path."),
        (b"#" * (MAX_BYTES + 1), f"a file of settings has at most {MAX_BYTES} bytes; got more. Is another file meant?"),
        (b"kk = 3", "kk: no such setting. Did you mean k?"),
        (None, "the settings (--config) cannot be read; no such file or directory. Check the path."),
    ],
)
def test_what_cannot_be_read_is_named(
    content: bytes | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("a.toml").write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        load_config_file(Path("a.toml"))
    assert str(refused.value) == f"a.toml: {message}"
