"""From a folder of photographs to shards: verify, shrink, convert, split, write; stopped at any moment, it goes on."""

import dataclasses
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import InvalidInputError
from glcic_train.data.convert import Converted, PrepareSettings, Rejected, convert_photo
from glcic_train.data.duplicates import DuplicateFinder
from glcic_train.data.files import cannot_write
from glcic_train.data.layouts import SourcePhoto, scan
from glcic_train.data.manifest import FORMAT, JOURNAL, MANIFEST, REJECTS, dump_json, read_manifest
from glcic_train.data.parallel import ordered_map
from glcic_train.data.shards import ShardWriter

# Validation first: of a pair of near duplicates across the splits, the training photo goes.
_SPLIT_ORDER = ("val", "test", "train")


def prepare(
    source: Path,
    out: Path,
    settings: PrepareSettings,
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write the photos of `source` as shards to `out`.

    Each shard is written beside and renamed, then noted in the journal. After a kill, the same call goes on after the
    last complete shard, and the folder ends up the same to the byte.

    Args:
        source: top folder of the data set.
        out: an empty or new folder, or one where the same preparation was stopped.
        settings: what to make of the photos.
        workers: processes that decode.
        progress: called with (photos done, photos in all).

    Returns:
        The manifest, as written.

    Raises:
        InvalidInputError: nothing to prepare, or `out` holds something else.
        OutputError: `out` cannot be written (disk full).
    """
    photos = scan(source, settings.layout)
    job = _job_digest(settings, photos)
    try:
        _open_out(out, job)
        if not (out / MANIFEST).is_file():
            preparation = _Preparation(source, out, settings, workers, progress or (lambda done, total: None))
            write_atomically(out / MANIFEST, dump_json(preparation.run(photos) | {"job": job}))
        # Left over where a kill came at the very end.
        shutil.rmtree(out / JOURNAL, ignore_errors=True)
        for part in out.glob("*.part"):
            part.unlink()
    except OSError as error:
        raise cannot_write(out, error) from error
    manifest = read_manifest(out)
    assert manifest is not None
    return manifest


def _job_digest(settings: PrepareSettings, photos: list[SourcePhoto]) -> str:
    """Tells one preparation from another: settings and names of the photos."""
    job = [dataclasses.asdict(settings), [dataclasses.astuple(photo) for photo in photos]]
    return hashlib.sha256(json.dumps(job).encode()).hexdigest()


def _open_out(out: Path, job: str) -> None:
    """Begin in a new folder, or make sure that `out` holds this very job, finished or not.

    Raises:
        InvalidInputError: it holds something else.
    """
    begun = out / JOURNAL / "job"
    if (out / MANIFEST).is_file():
        held = (read_manifest(out) or {}).get("job")
    elif begun.is_file():
        held = begun.read_text()
    elif out.is_dir() and any(entry.name != JOURNAL for entry in out.iterdir()):
        raise InvalidInputError(f"{out} is not empty. Name a new folder: shards are never mixed with other files.")
    else:
        begun.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(begun, job.encode())
        return
    if held != job:
        raise InvalidInputError(
            f"{out} was prepared with other settings or from other photos. Name a new folder, or delete that one."
        )


class _Preparation:
    """One run over all photos. What was journalled by an earlier run is taken over."""

    def __init__(
        self, source: Path, out: Path, settings: PrepareSettings, workers: int, progress: Callable[[int, int], None]
    ) -> None:
        self.source, self.out, self.settings, self.workers, self.progress = source, out, settings, workers, progress
        self.finder = DuplicateFinder()
        self.records: list[dict[str, Any]] = []
        self.done = self.total = 0

    def run(self, photos: list[SourcePhoto]) -> dict[str, Any]:
        """Write all shards and the list of rejects; return the manifest."""
        by_split: dict[str, list[SourcePhoto]] = {split: [] for split in _SPLIT_ORDER}
        for photo in photos:
            by_split[photo.split_at(self.settings.val_share)].append(photo)
        self.total = len(photos)
        starts = {split: self._take_over(split) for split in _SPLIT_ORDER}
        remaining = [photo for split, members in by_split.items() for photo in members[starts[split] :]]
        self._advance(len(photos) - len(remaining))
        convert = partial(convert_photo, self.source, self.settings)
        with closing(ordered_map(convert, remaining, self.workers)) as results:
            for split, members in by_split.items():
                self._write_shards(split, members, starts[split], results)
        rejects = [
            {"name": name, "code": code, "reason": text} for r in self.records for name, code, text in r["rejects"]
        ]
        write_atomically(self.out / REJECTS, "".join(json.dumps(reject) + "\n" for reject in rejects).encode())
        codes = Counter(reject["code"] for reject in rejects)
        if codes.total() == self.total:
            raise InvalidInputError(
                f"None of the {self.total} files can be used ({', '.join(codes)}). {self.out / REJECTS} says why."
            )
        return self._manifest(codes)

    def _take_over(self, split: str) -> int:
        """Load what the journal says on a split; return how many of its photos are done."""
        done = 0
        while (path := self._record_path(split)).is_file():
            record = json.loads(path.read_bytes())
            for value, name in record["hashes"]:
                self.finder.add(value, name)
            self.records.append(record)
            done = record["next"]
        return done

    def _write_shards(
        self, split: str, photos: list[SourcePhoto], start: int, results: Iterator[Converted | Rejected]
    ) -> None:
        """Write the photos of a split from number `start` on, whose results come next."""
        shard: _Shard | None = None
        try:
            for position in range(start, len(photos)):
                if shard is None:
                    path = self._record_path(split)
                    shard = _Shard(self, split, path.stem)
                shard.take(photos[position], next(results))
                self._advance(1)
                if shard.writer.bytes >= self.settings.shard_mb * 2**20 or position == len(photos) - 1:
                    record = shard.finish(position + 1)
                    shard = None
                    write_atomically(path, json.dumps(record).encode())
                    self.records.append(record)
        finally:
            if shard is not None:
                shard.writer.discard()

    def _record_path(self, split: str) -> Path:
        """Where the journal has the next shard of a split. Its stem is the shard's name."""
        number = sum(record["split"] == split for record in self.records)
        return self.out / JOURNAL / f"{split}-{number:06d}.json"

    def _advance(self, photos: int) -> None:
        self.done += photos
        self.progress(self.done, self.total)

    def _manifest(self, rejects: Counter[str]) -> dict[str, Any]:
        written = sorted((record for record in self.records if record["photos"]), key=lambda record: record["name"])
        # A folder that holds validation photos only has their mean.
        counted = [record for record in written if record["split"] == "train"] or written
        pixels = sum(record["pixels"] for record in counted)
        sums = np.array([record["pixel_sum"] for record in counted], np.float64).sum(axis=0)
        splits = {
            split: sum(record["photos"] for record in written if record["split"] == split)
            for split in sorted({record["split"] for record in written})
        }
        return {
            "format": FORMAT,
            "source": self.source.resolve().name,
            "licence": self.settings.licence,
            "attribution": self.settings.attribution,
            "photos": splits,
            "mean_pixel": (sums / (255.0 * pixels)).tolist(),
            "rejects": {"file": REJECTS, "count": rejects.total(), "by_code": dict(sorted(rejects.items()))},
            "settings": dataclasses.asdict(self.settings),
            "shards": [
                {key: record[key] for key in ("name", "split", "photos", "bytes", "sha256")} for record in written
            ],
        }


class _Shard:
    """A shard while it is written, with what the journal will say on it."""

    def __init__(self, preparation: _Preparation, split: str, name: str) -> None:
        self.preparation, self.split = preparation, split
        self.writer = ShardWriter(preparation.out / f"{name}.tar")
        self.pixels = 0
        self.pixel_sum = np.zeros(3, np.int64)
        self.rejects: list[tuple[str, str, str]] = []
        self.hashes: list[tuple[int, str]] = []

    def take(self, photo: SourcePhoto, result: Converted | Rejected) -> None:
        """Add a photo, or note why it is left out."""
        settings, finder = self.preparation.settings, self.preparation.finder
        if isinstance(result, Converted) and settings.dedupe:
            twin = finder.find(result.hash)
            if twin is None:
                finder.add(result.hash, photo.name)
                self.hashes.append((result.hash, photo.name))
            else:
                result = Rejected("duplicate", f"is a near duplicate of {twin}")
        if isinstance(result, Rejected):
            self.rejects.append((photo.name, result.code, result.text))
            return
        info = {
            "key": photo.key,
            "source": self.preparation.source.resolve().name,
            "original_name": photo.name,
            "original_width": result.original_size[0],
            "original_height": result.original_size[1],
            "width": result.size[0],
            "height": result.size[1],
            "licence": settings.licence,
            "attribution": settings.attribution,
            "label": photo.label,
        }
        self.writer.add(photo.key, "jpg" if settings.encoding == "jpeg" else "webp", result.data, info)
        self.pixels += result.size[0] * result.size[1]
        self.pixel_sum += result.pixel_sum

    def finish(self, following: int) -> dict[str, Any]:
        """Complete the shard. `following` is the place, in its split, of the first photo after it."""
        record: dict[str, Any] = {
            "split": self.split,
            "next": following,
            "photos": self.writer.photos,
            "pixels": self.pixels,
            "pixel_sum": self.pixel_sum.tolist(),
            "rejects": self.rejects,
            "hashes": self.hashes,
        }
        if self.writer.photos == 0:
            self.writer.discard()
            return record
        sha256 = self.writer.finish()
        return record | {"name": self.writer.path.name, "bytes": self.writer.bytes, "sha256": sha256}
