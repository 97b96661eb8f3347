"""Which files of a folder are training images, and what in the folder would make that ambiguous."""

from __future__ import annotations

import mimetypes
import os
import re
import tarfile
import zipfile
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image

# Files with these endings are images; those that Pillow cannot open (HEIC) are reported when they are read.
PICTURES = {
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg",
    ".jpx", ".jxl", ".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".tga", ".tif", ".tiff", ".webp",
}  # fmt: skip
PACKED = {".parquet", ".arrow", ".zip", ".tar"}  # many images in a file, as `datasets` reads them
TABLES = {".csv", ".json", ".jsonl", ".tsv"}  # beside images they are metadata; alone they may be a data set
# Folders that hold a split of their own, by the names that `datasets` knows.
SPLIT_FOLDERS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
RUN_FILES = ("recipe.json", "metrics.jsonl")  # a folder with both is one that train_accelerate.py wrote
MASK_WORD = re.compile(
    r"(?<![a-z])(?:masks?|holes?|seg|segmentations?|annotations?|labels?|mattes?|trimaps?)(?![a-z])", re.IGNORECASE
)
SAMPLES = 8  # images that are opened to see whether a group of files are masks
GROUPS = 64  # folders that are looked at where no name says mask
BLACK, WHITE, BILEVEL = 16, 239, 0.98  # a mask has at least this share of its pixels below or above these levels


class ImageFiles(NamedTuple):
    """The image files of each split, and a sentence for whatever else was found and left out."""

    splits: dict[str, list[str]]
    notes: list[str]


def find_images(folder: Path, leave_out: dict[str, Path]) -> ImageFiles | None:
    """Find the images of a folder, nested or not.

    Each real folder and file counts once, however many links lead to it. Hidden files, the folders `leave_out` and
    folders that training runs wrote are not searched.

    Args:
        folder: an existing folder.
        leave_out: folders that hold no training images, by the flag that names them.

    Returns:
        The files, sorted by name; None if the folder holds no loose images, but packed ones or tables for `datasets`.

    Raises:
        ValueError: nothing to train on, or several things that may be meant; the message lists them.
    """
    notes: list[str] = []
    skipped = {os.path.realpath(place.expanduser()): flag for flag, place in leave_out.items()}
    if flag := skipped.get(os.path.realpath(folder)):
        raise ValueError(f"{flag} is {folder}, the folder of the images; give a folder of its own")
    files = sorted(visible_files(folder, set(skipped), notes))
    pictures = [path for path in files if _is_picture(path)]
    packed = [path for path in files if path.suffix.lower() in PACKED]
    if not files:
        raise ValueError(f"{folder} is an empty folder; put images into it, or Parquet files with an image column")
    if not pictures:
        if packed:
            _refuse_mixed_packs(folder, packed, notes)
            return None
        if any(path.suffix.lower() in TABLES for path in files):
            return None
        raise ValueError(f"{folder} has {len(files)} files, but none that is an image, as .jpg or .png")
    pictures = _named_in_utf8(pictures, notes)
    _leave_out_packs(folder, packed, pictures, notes)
    names = [path.relative_to(folder).as_posix() for path in pictures]
    _refuse_masks(str(folder), names, lambda name: (folder / name).read_bytes(), notes)
    return ImageFiles(_split_by_folder(folder, pictures, notes), notes)


def split_named(name: str) -> str | None:
    """The split that a folder's name or a source's word stands for, as val2017 for validation; None for another."""
    return SPLIT_FOLDERS.get(name.lower().rstrip("-._ 0123456789"))


def _split_by_folder(folder: Path, pictures: Sequence[Path], notes: list[str]) -> dict[str, list[str]]:
    """The images of each split: of folders within each other, the outermost decides; where held-out ones are is noted.

    So a class called test within train/ is trained on, and images/val and cats/val are held out as val/ is.
    """
    splits: dict[str, list[str]] = defaultdict(list)
    places: dict[str, dict[Path, None]] = defaultdict(dict)
    parents = {path: [*path.relative_to(folder).parents][-2::-1] for path in pictures}  # from the top
    named = _split_folders({place for places_of_one in parents.values() for place in places_of_one})
    for path in pictures:
        place = next((parent for parent in parents[path] if parent in named), None)
        split = named[place] if place else "train"
        splits[split].append(str(path))
        if place is not None:
            places[split][place] = None
    for split in ("validation", "test"):
        if any(place.as_posix().lower() not in SPLIT_FOLDERS for place in places[split]):  # a plain val/ says it itself
            notes.append(f"images for {split} are in {_listed(Path(), [*places[split]])}")
    return dict(splits)


def _split_folders(folders: Collection[Path]) -> dict[Path, str]:
    """The folders that hold a split, by their whole name, as val2017, or by a word of it, as val_large.

    By a word only where a folder beside it is called the same but for that word, as data_large: test_tubes is no split.
    """
    words = [
        (folder, found[0], (folder.parent, f"{name[: found.start()]}*{name[found.end() :]}"))  # and the name without it
        for folder in folders
        for name in [folder.name.lower()]
        for found in re.finditer(r"[^\W\d_]+", name)
    ]
    alike = Counter(rest for _, _, rest in words)
    splits = {folder: SPLIT_FOLDERS[word] for folder, word, rest in words if word in SPLIT_FOLDERS and alike[rest] > 1}
    return splits | {folder: split for folder in folders if (split := split_named(folder.name))}


def visible_files(folder: Path, skipped: set[str], notes: list[str]) -> Iterator[Path]:
    """Every visible file under the folder once; what is found without a link comes first.

    Folders are not searched whose real paths are in `skipped`, nor those of training runs; `notes` gets a sentence for
    each of the latter.
    """
    folders, linked_folders, linked_files = deque([folder]), deque[Path](), []
    visited, files = set(skipped), set()
    while folders or linked_folders:
        place = (folders or linked_folders).popleft()
        real = os.path.realpath(place)
        if real in visited:
            continue
        visited.add(real)
        if place != folder and all((place / name).is_file() for name in RUN_FILES):
            notes.append(f"{place} is the folder of a training run; its pictures are left out")
            continue
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            notes.append(f"{place} cannot be read ({error.strerror}); it is left out")
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                (linked_folders if entry.is_symlink() else folders).append(place / entry.name)
            elif entry.is_symlink():
                linked_files.append(place / entry.name)
            elif entry.is_file():
                files.add(f"{real}/{entry.name}")
                yield place / entry.name
    for path in linked_files:
        real = os.path.realpath(path)
        if real not in files and (path.is_file() or not path.exists()):  # a broken link is reported when it is read
            files.add(real)
            yield path


def _is_picture(path: Path) -> bool:
    """Whether a file is an image: by its ending, or by its first bytes where the ending says nothing."""
    if path.suffix.lower() in PICTURES:
        return True
    if path.suffix.lower() in PACKED | TABLES or (path.suffix and mimetypes.guess_type(path.name)[0]):
        return False
    try:
        with Image.open(path):
            return True
    except Exception:  # Pillow raises what the content happens to cause
        return False


def _named_in_utf8(paths: list[Path], notes: list[str]) -> list[Path]:
    """The files whose paths `datasets` can keep; the others, as old archives hold them, are noted."""
    shown = {path: os.fsencode(path).decode(errors="backslashreplace") for path in paths}
    named = [path for path in paths if shown[path] == str(path)]
    others = [shown[path] for path in paths if shown[path] != str(path)]
    if others:
        some = f"{len(others)} of {len(paths)} images have names that are not UTF-8, as {others[0]}"
        if not named:
            raise ValueError(f"{some}; rename them")
        notes.append(f"{some}; they are left out: rename them")
    return named


def _refuse_mixed_packs(folder: Path, packed: Sequence[Path], notes: Sequence[str]) -> None:
    """Raise `ValueError` where `datasets`, which searches a folder by itself, would not read the packed files alone."""
    endings = sorted({path.suffix.lower() for path in packed})
    if len(endings) > 1:
        raise ValueError(
            f"{folder} holds files of several kinds ({_listed(folder, packed)}), and any of them may be meant;"
            f" give a folder with only one of {', '.join(endings)}"
        )
    inside = [note for note in notes if "training run" in note]
    if inside:
        raise ValueError(
            f"{inside[0].split(';')[0]}, inside {folder}, which holds packed images; move the run elsewhere"
        )
    for path in packed:
        if path.suffix.lower() == ".zip" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if PurePosixPath(name).suffix.lower() in PICTURES]
                _refuse_masks(str(path), names, archive.read, [])


def _leave_out_packs(folder: Path, packed: Sequence[Path], pictures: Sequence[Path], notes: list[str]) -> None:
    """Note the packed files beside images that add nothing to them. Raise `ValueError` for the others."""
    sizes = {(path.name, path.stat().st_size) for path in pictures if path.is_file()} if packed else set()
    others = []
    for path in packed:
        found = _packed_images(path)
        if found is None or not {*found} <= sizes:
            others.append(path)
        elif found:
            notes.append(f"{path.relative_to(folder)} holds images that are in the folder too; it is left out")
        else:
            notes.append(f"{path.relative_to(folder)} holds no images; it is left out")
    if others:
        raise ValueError(
            f"{folder} holds {len(pictures)} image files and also {_listed(folder, others)}, and either may be meant;"
            " give a folder with only one of them"
        )


def _packed_images(path: Path) -> list[tuple[str, int]] | None:
    """Name and size of each image in a packed file, None where they cannot be compared with files."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                members = [(member.filename, member.file_size) for member in archive.infolist()]
        elif path.suffix.lower() == ".tar":
            with tarfile.open(path) as tar:
                members = [(member.name, member.size) for member in tar if member.isfile()]
        elif path.suffix.lower() == ".parquet":
            import pyarrow
            import pyarrow.parquet

            types = pyarrow.parquet.read_schema(path).types
            images = any(pyarrow.types.is_struct(kind) or pyarrow.types.is_binary(kind) for kind in types)
            return None if images else []
        else:
            return None
    except Exception:  # a damaged archive: the user knows what it is for
        return None
    named = ((PurePosixPath(name), size) for name, size in members)
    return [(name.name, size) for name, size in named if name.suffix.lower() in PICTURES and name.name[0] != "."]


def _listed(folder: Path, files: Sequence[Path]) -> str:
    names = [path.relative_to(folder).as_posix() for path in files]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _refuse_masks(place: str, names: Sequence[str], read: Callable[[str], bytes], notes: list[str]) -> None:
    """Raise `ValueError` where some of the images are the masks of the others; note what may be masks.

    Files are looked at by folder and ending. They are masks if two of these hold: their names say so, they are black
    and white alone, they are called as other images are.
    """
    groups: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for name in names:
        path = PurePosixPath(name)
        groups[str(path.parent), path.suffix.lower(), is_mask_name(name)].append(name)
    stems = {key: {plain_stem(name) for name in group} for key, group in groups.items()}
    looked_at = {key for key in groups if key[2]} | {*[*groups][:: max(1, len(groups) // GROUPS)]}
    bilevel = {key for key in looked_at if _are_bilevel(groups[key], read)}
    photos = set().union(*(stems[key] for key in groups if not key[2] and key not in bilevel))
    if not photos:
        return  # all of one kind
    paired = {key for key in looked_at if (key[2] or key in bilevel) and len(stems[key] & photos) > len(stems[key]) / 2}
    masks = sorted(key for key in bilevel | paired if (key in bilevel) + (key in paired) + key[2] >= 2)
    if masks:
        found = ", ".join(f"{key[0]}/ ({len(groups[key])}, as {groups[key][0]})" for key in masks)
        raise ValueError(
            f"{place} holds {len(names)} images, and masks among them: {found};"
            " give the folder of the images alone, and that of the masks as --mask_dir if holes shall be theirs"
        )
    if bilevel:
        places = ", ".join(sorted({key[0] for key in bilevel})[:5])
        notes.append(
            f"the images in {places} are black and white alone: if they are masks, give another folder, since the"
            " network learns to paint them"
        )


def is_mask_name(name: str) -> bool:
    """Whether the path of a file, within its data set, says that it is a mask."""
    return MASK_WORD.search(str(PurePosixPath(name).with_suffix(""))) is not None


def plain_stem(name: str) -> str:
    """The name of a file without folder, ending and the word mask: cat for images/cat.jpg and for cat_mask001.png."""
    stem = PurePosixPath(name).stem
    found = MASK_WORD.search(stem)
    return (stem[: found.start()] if found and found.start() else MASK_WORD.sub("", stem)).strip("_-. ").lower()


def _are_bilevel(names: Sequence[str], read: Callable[[str], bytes]) -> bool:
    """Whether the images, a few of them looked at, hold grey levels near black and white alone."""
    looked = [_is_bilevel(name, read) for name in [*names][:: max(1, len(names) // SAMPLES)][:SAMPLES]]
    return sum(looked) > len(looked) / 2


def _is_bilevel(name: str, read: Callable[[str], bytes]) -> bool:
    try:
        with Image.open(BytesIO(read(name))) as picture:
            picture.draft("RGB", (256, 256))
            values = np.asarray(picture.convert("RGB"))
    except Exception:  # as above
        return False
    extreme = (values <= BLACK) | (values >= WHITE)
    return bool(np.ptp(values, axis=2).max() <= BLACK and extreme.mean() >= BILEVEL)
