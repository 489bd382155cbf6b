"""What is named as data, in; the shards of a split, out: files, addresses, and streams."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from glcic_backend.errors import InvalidInputError
from glcic_train.data.manifest import read_manifest
from glcic_train.data.remote import RemoteShard
from glcic_train.data.shards import Shard

SPLITS = ("train", "val", "test")
MeanPixel = tuple[float, float, float]

_PIPE = "pipe:"
_BRACES = re.compile(r"\{([^{}]*(?:,|\.\.)[^{}]*)\}")
_MOST_NAMES = 1_000_000


@dataclass(frozen=True)
class StreamedShard:
    """What can only be read from its beginning to its end: the output of a command, or of a server that cannot seek."""

    command: str = ""
    """For the shell; its output is a tar file."""
    remote: RemoteShard | None = None

    def __str__(self) -> str:
        """As it was named."""
        return str(self.remote) if self.remote else f"{_PIPE}{self.command}"


def find_shards(named: Sequence[str | Path], split: str) -> list[Shard | StreamedShard]:
    """All shards that some words of a command line stand for.

    Args:
        named: folders of shards, single shards, addresses of shards, or `pipe:COMMAND`; each with ranges in braces,
            `{000..127}` or `{a,b}`.
        split: of folders; a shard that is named itself counts whatever the split.

    Raises:
        InvalidInputError: nothing there, or a range that makes no sense.
    """
    names = [name for word in named for name in expand_braces(str(word))]
    remote = [RemoteShard(name) for name in names if is_remote(name)]
    # Shards of one set lie on one server: the first one tells whether it can seek.
    streamed = bool(remote) and not remote[0].can_seek()
    found: list[Shard | StreamedShard] = []
    for name in names:
        if name.startswith(_PIPE):
            found.append(StreamedShard(name.removeprefix(_PIPE)))
        elif is_remote(name):
            shard = RemoteShard(name)
            found.append(StreamedShard(remote=shard) if streamed else shard)
        else:
            found.extend([Path(name)] if Path(name).is_file() else folder_shards(Path(name), split))
    return found


def is_remote(name: str | Path) -> bool:
    """Whether a name is an address."""
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", str(name)) is not None


def is_command(name: str | Path) -> bool:
    """Whether a name is a command whose output is a shard."""
    return str(name).startswith(_PIPE)


def absolute(name: str | Path) -> str:
    """A name that means the same from every folder."""
    return str(name) if is_remote(name) or is_command(name) else str(Path(name).resolve())


def is_named_as(name: str | Path, split: str) -> bool:
    """Whether a shard that is named itself belongs to a split by its name, as `https://host/val-{00..03}.tar`."""
    return not is_command(name) and str(name).rstrip("/").rpartition("/")[2].startswith(f"{split}-")


def expand_braces(name: str) -> Iterator[str]:
    """All names that a name with ranges in braces stands for, in order; the name itself where it has none.

    Raises:
        InvalidInputError: a range that ends before it starts, or stands for too many names.
    """
    found = _BRACES.search(name)
    if found is None:
        yield name
        return
    before, after = name[: found.start()], name[found.end() :]
    for part in _range_of(found[1], name):
        yield from expand_braces(before + part + after)


def _range_of(content: str, name: str) -> list[str]:
    low, dots, high = content.partition("..")
    if not dots:
        return content.split(",")
    if not (low.isdecimal() and high.isdecimal() and int(low) <= int(high) < int(low) + _MOST_NAMES):
        raise InvalidInputError(
            f"The range {{{content}}} in {name} makes no sense. Write it as {{000..127}}: two whole numbers, the lower "
            f"one first, {_MOST_NAMES:,} numbers at most."
        )
    return [str(number).zfill(len(low)) for number in range(int(low), int(high) + 1)]


def folder_shards(folder: Path, split: str) -> list[Path]:
    """The shards of a split in a folder, in the order of their names.

    Raises:
        InvalidInputError: no such folder or split, no shard of it, or one that is not as its manifest says.
    """
    if split not in (*SPLITS, "all"):
        raise InvalidInputError(f"There is no split {split!r}; the splits are {', '.join(SPLITS)} and all.")
    shards = shards_by_split(folder)
    chosen = sorted(chain(*shards.values())) if split == "all" else shards.get(split, [])
    if not chosen:
        raise InvalidInputError(
            f"{folder} holds no shard of the split {split!r}, only of: {', '.join(shards) or 'none'}. Take the "
            "photographs of all splits with `--split all` (evaluate, study, experiment, data preview), name a shard "
            "instead of the folder, or prepare photographs with `glcic-train data prepare`."
        )
    return chosen


def shards_by_split(folder: Path) -> dict[str, list[Path]]:
    """The shards of a folder by split; "other" are those whose name begins with none.

    Raises:
        InvalidInputError: no such folder, or it is not as its manifest says.
    """
    if not folder.is_dir():
        raise InvalidInputError(f"{folder} is neither a folder of shards nor a shard. Check the path.")
    manifest = read_manifest(folder)
    if manifest is None:
        shards = sorted(folder.glob("*.tar"))
    else:
        shards = [_as_stated(folder / entry["name"], entry["bytes"]) for entry in manifest["shards"]]
    groups: dict[str, list[Path]] = {}
    for shard in shards:
        split = next((split for split in SPLITS if shard.name.startswith(split)), "other")
        groups.setdefault(split, []).append(shard)
    return groups


def _as_stated(shard: Path, size: int) -> Path:
    found = shard.stat().st_size if shard.is_file() else 0
    if found != size:
        raise InvalidInputError(
            f"The shard {shard} has {found:,} bytes, its manifest says {size:,}. Copy or prepare the folder again."
        )
    return shard


def stated_mean_pixel(given: Sequence[str | Path]) -> MeanPixel | None:
    """The mean pixel of a single prepared folder, from its manifest."""
    manifest = read_manifest(Path(given[0])) if len(given) == 1 and Path(given[0]).is_dir() else None
    if manifest is None:
        return None
    red, green, blue = manifest["mean_pixel"]
    return float(red), float(green), float(blue)
