"""The images of the page: each in a folder of its own below a temporary one, under a random name."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from segment.core.errors import ImageError, OutputError, describe_os_error, printable_path

__all__ = ["ImageStore", "StoredImage", "stamp_file"]

MAX_IMAGES = 64  # that were sent: the one that was used longest ago is forgotten for a new one
MAX_BYTES = 4 * 2**30  # of all that were sent
MAX_AGE = 3600.0  # seconds after its last use that an image is forgotten
MAX_NAME = 50  # characters, which are up to four bytes each


@dataclass
class StoredImage:
    """An image, and what belongs to it.

    Attributes
    ----------
    id : str
        Random: nobody can guess it.
    folder : Path
        Its own folder, in which its file lies, or a link to it.
    name : str
        Name of the file. Results are named after it.
    is_sent : bool
        Whether a client sent it: such an image is forgotten after a while.
    n_bytes : int
        Size of the file.
    used : float
        When it was used last, by :func:`time.monotonic`.
    """

    id: str
    folder: Path
    name: str
    is_sent: bool
    n_bytes: int = 0
    used: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> Path:
        """Its file, or the link to it."""
        return self.folder / self.name


class ImageStore:
    """Images by random names, below a temporary folder that :meth:`close` removes.

    Parameters
    ----------
    max_images : int
        That were sent.
    max_age : float, seconds
        An image that was sent is forgotten when it was not used for so long.
    """

    def __init__(self, *, max_images: int = MAX_IMAGES, max_age: float = MAX_AGE) -> None:
        # Only this user may look into it.
        self.root = Path(tempfile.mkdtemp(prefix="segment-serve-"))
        self._max_images, self._max_age = max_images, max_age
        self._images: dict[str, StoredImage] = {}

    def add_file(self, path: Path) -> StoredImage:
        """Add an image that lies on this machine; it is not copied."""
        image = self._make_folder(path.name, is_sent=False)
        try:
            image.path.symlink_to(path.resolve())
        except OSError:  # Windows lets few users make links
            shutil.copyfile(path, image.path)
        self._images[image.id] = image
        return image

    def prepare_upload(self, name: str) -> StoredImage:
        """Make the folder for an image that is being sent; :meth:`keep` or :meth:`forget` ends it.

        Parameters
        ----------
        name : str
            What the client calls the file.
        """
        return self._make_folder(clean_name(name), is_sent=True)

    def keep(self, image: StoredImage) -> None:
        """Keep an image that has been sent as a whole, and forget old ones that are too many."""
        image.n_bytes = image.path.stat().st_size
        self._images[image.id] = image
        self.forget_old()
        sent = sorted((each for each in self._images.values() if each.is_sent), key=lambda each: each.used)
        while len(sent) > self._max_images or sum(each.n_bytes for each in sent[:-1]) > MAX_BYTES:
            self.forget(sent.pop(0))

    def find(self, image_id: str) -> StoredImage:
        """Find an image, and note that it is used.

        Raises
        ------
        ImageError
            If there is none of that name, or it was forgotten.
        """
        self.forget_old()
        image = self._images.get(image_id)
        if image is None:
            raise ImageError(
                f"image or model: one that the server keeps; got {printable_path(image_id)[:40]}. Send it again."
            )
        image.used = time.monotonic()
        return image

    def list_files(self) -> list[StoredImage]:
        """List the images that lie on this machine, in the order in which they were added."""
        return [image for image in self._images.values() if not image.is_sent]

    def forget_old(self) -> None:
        """Forget the images that were sent and not used for a while."""
        now = time.monotonic()
        for image in list(self._images.values()):
            if image.is_sent and now - image.used > self._max_age:
                self.forget(image)

    def forget(self, image: StoredImage) -> None:
        """Remove an image and its folder."""
        self._images.pop(image.id, None)
        shutil.rmtree(image.folder, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        self._images.clear()
        shutil.rmtree(self.root, ignore_errors=True)

    def _make_folder(self, name: str, *, is_sent: bool) -> StoredImage:
        """Make a folder with a random name."""
        image_id = secrets.token_urlsafe(12)
        folder = self.root / image_id
        try:
            folder.mkdir()
        except OSError as error:
            raise OutputError(
                f"image: cannot be kept; {describe_os_error(error)}. Free some space in the temporary folder."
            ) from error
        return StoredImage(image_id, folder, name, is_sent)


def clean_name(name: str) -> str:
    r"""Make a file name of what a client calls a file: its last part, printable and short.

    Examples
    --------
    >>> clean_name("C:\\photos\\sea.jpg"), clean_name("../../etc/passwd"), clean_name("..")
    ('sea.jpg', 'passwd', 'image')
    """
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(letter for letter in last if letter.isprintable() and letter not in '<>:"|?*').strip(" .-")
    path = Path(kept or "image")
    return path.stem[:MAX_NAME] + path.suffix[:10]


def stamp_file(path: Path) -> tuple[int, int]:
    """Tell when a file was written, and its size, so that what is kept of it goes when it is written anew.

    Parameters
    ----------
    path : Path

    Returns
    -------
    tuple of (int, int)
        Nanoseconds and bytes; zeros where there is no file, as reading it says.
    """
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
