"""From photographs to shards: what comes out, what is left out, and what a kill can do."""

import errno
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from glcic_backend.errors import GlcicError, InvalidInputError, OutputError
from glcic_train.data import PhotoSet
from glcic_train.data.convert import PrepareSettings
from glcic_train.data.duplicates import DuplicateFinder, perceptual_hash
from glcic_train.data.parallel import ordered_map
from glcic_train.data.prepare import prepare
from glcic_train.data.shards import ShardWriter

Make = Callable[..., Path]
SMALL = PrepareSettings(short_side=80, min_side=8, val_share=0.3, shard_mb=0.03, dedupe=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rejects(out: Path) -> dict[str, str]:
    return {row["name"]: row["code"] for row in map(json.loads, (out / "rejects.jsonl").read_text().splitlines())}


def test_every_photo_arrives_once_shrunk_with_where_it_came_from(photo_folder: Make, tmp_path: Path):
    source = photo_folder(12)
    settings = PrepareSettings(short_side=60, min_side=8, val_share=0.3, licence="CC BY 4.0", attribution="A. Nonymous")

    manifest = prepare(source, tmp_path / "out", settings, workers=1)

    infos = []
    for split, count in manifest["photos"].items():
        photos = PhotoSet.open(tmp_path / "out", split)
        assert len(photos) == count > 0
        assert (photos.sizes == [80, 60]).all()
        infos += [photos.info(number) for number in range(count)]
    assert {info["original_name"] for info in infos} == {f"{number}.jpg" for number in range(12)}
    first = next(info for info in infos if info["original_name"] == "0.jpg")
    assert first | {"key": "", "shard": ""} == {
        "key": "",
        "shard": "",
        "source": "source",
        "original_name": "0.jpg",
        "original_width": 120,
        "original_height": 90,
        "width": 80,
        "height": 60,
        "licence": "CC BY 4.0",
        "attribution": "A. Nonymous",
        "label": None,
    }


def test_the_manifest_states_counts_hashes_and_the_mean_of_the_training_photos(photo_folder: Make, tmp_path: Path):
    out = tmp_path / "out"

    manifest = prepare(photo_folder(12), out, SMALL, workers=1)

    train = PhotoSet.open([out / shard["name"] for shard in manifest["shards"] if shard["split"] == "train"])
    # The manifest has the mean before encoding.
    assert manifest["mean_pixel"] == pytest.approx(train.mean_pixel, abs=0.3 / 255)
    assert manifest["photos"]["train"] == len(train)
    assert len(manifest["shards"]) > 2
    for shard in manifest["shards"]:
        data = (out / shard["name"]).read_bytes()
        assert shard["bytes"] == len(data)
        assert shard["sha256"] == hashlib.sha256(data).hexdigest()
    assert manifest["settings"]["short_side"] == 80
    names = {shard["name"] for shard in manifest["shards"]}
    assert set(os.listdir(out)) == {"manifest.json", "rejects.jsonl"} | names


def test_shards_are_plain_tars_without_traces_of_the_machine(photo_folder: Make, tmp_path: Path):
    manifest = prepare(photo_folder(3), tmp_path / "out", SMALL, workers=1)

    with tarfile.open(tmp_path / "out" / manifest["shards"][0]["name"]) as tar:
        members = tar.getmembers()
    assert [Path(member.name).suffix for member in members[:2]] == [".jpg", ".json"]
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in members} == {
        (0, 0, 0, "", "")
    }


def test_the_number_of_workers_does_not_change_a_byte(photo_folder: Make, tmp_path: Path):
    source = photo_folder(20)

    prepare(source, tmp_path / "one", SMALL, workers=1)
    prepare(source, tmp_path / "two", SMALL, workers=2)

    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_what_cannot_be_used_is_listed_with_the_reason_and_the_rest_goes_on(
    photo_folder: Make, photo: Callable[..., np.ndarray], encoded: Callable[..., bytes], tmp_path: Path
):
    source = photo_folder(3)
    whole = encoded(photo(50), "jpg")
    (source / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (source / "text.jpg").write_text("Dear diary")
    (source / "empty.png").touch()
    (source / "dot.png").write_bytes(encoded(photo(51)[:1, :1]))
    (source / "animation.gif").write_bytes(encoded(photo(52), "gif"))
    (source / "photo.heic").write_bytes(b"....ftypheic")
    (source / "dangling.jpg").symlink_to("nowhere.jpg")
    (source / "itself.jpg").symlink_to("itself.jpg")
    os.mkfifo(source / "pipe.jpg")
    (source / "really a png \u2013 \u65e5\u672c.jpg").write_bytes(encoded(photo(53)))
    (source / os.fsdecode(b"latin\xe9.png")).write_bytes(encoded(photo(54)))

    manifest = prepare(source, tmp_path / "out", SMALL, workers=1)

    assert rejects(tmp_path / "out") == {
        "truncated.jpg": "damaged",
        "text.jpg": "format",
        "empty.png": "format",
        "dot.png": "too-small",
        "animation.gif": "format",
        "photo.heic": "format",
        "dangling.jpg": "unreadable",
        "itself.jpg": "unreadable",
        "pipe.jpg": "unreadable",
    }
    assert sum(manifest["photos"].values()) == 5
    assert manifest["rejects"]["by_code"] == {"damaged": 1, "format": 4, "too-small": 1, "unreadable": 3}
    names = {PhotoSet.open(tmp_path / "out", "all").info(number)["original_name"] for number in range(5)}
    assert {"really a png \u2013 \u65e5\u672c.jpg", os.fsdecode(b"latin\xe9.png")} < names


def test_a_source_without_a_single_usable_photo_is_refused(tmp_path: Path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.jpg").write_text("no photo")

    with pytest.raises(InvalidInputError, match=r"None of the 1 files .*format.*rejects\.jsonl"):
        prepare(tmp_path / "source", tmp_path / "out", SMALL, workers=1)


def test_adding_photos_moves_no_other_to_another_split(photo_folder: Make, tmp_path: Path):
    def splits(out: Path) -> dict[str, str]:
        return {
            (info := photos.info(number))["original_name"]: info["shard"].split("-")[0]
            for photos in [PhotoSet.open(out, "all")]
            for number in range(len(photos))
        }

    prepare(photo_folder(10), tmp_path / "few", SMALL, workers=1)
    prepare(photo_folder(20), tmp_path / "many", SMALL, workers=1)

    few, many = splits(tmp_path / "few"), splits(tmp_path / "many")
    assert len(few) == 10
    assert len(many) == 20
    assert few.items() <= many.items()


def resaved(pixels: np.ndarray, size: tuple[int, int], quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(file, "JPEG", quality=quality)
    return file.getvalue()


def test_near_duplicates_are_left_out_within_and_across_splits(
    photo_folder: Make, photo: Callable[..., np.ndarray], tmp_path: Path
):
    source = photo_folder(12)
    for seed in range(12):
        (source / f"copy of {seed}.jpg").write_bytes(resaved(photo(seed), (150, 112), quality=60))

    deduped = prepare(source, tmp_path / "deduped", SMALL, workers=1)
    everything = prepare(source, tmp_path / "all", PrepareSettings(min_side=8, val_share=0.3), workers=1)

    assert sum(everything["photos"].values()) == 24
    assert sum(deduped["photos"].values()) == 12
    assert set(rejects(tmp_path / "deduped").values()) == {"duplicate"}
    # One of each pair is there: the one in validation, where they are in different splits.
    assert deduped["photos"]["val"] >= everything["photos"]["val"] / 2


def test_the_hash_sees_through_small_changes_and_tells_photos_apart(photo: Callable[..., np.ndarray]):
    finder = DuplicateFinder()
    for seed in range(2000):
        finder.add(perceptual_hash(photo(seed, 64, 48)), str(seed))
    pixels = photo(7, 64, 48)
    darker = (pixels * 0.8).astype(np.uint8)
    resized = np.asarray(Image.open(io.BytesIO(resaved(pixels, (200, 150), 50))))

    assert finder.find(perceptual_hash(pixels)) == "7"
    assert finder.find(perceptual_hash(darker)) == "7"
    assert finder.find(perceptual_hash(resized)) == "7"
    assert [finder.find(perceptual_hash(photo(seed, 64, 48))) for seed in range(3000, 3050)] == [None] * 50


KILLED_RUN = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {path!r}
import glcic_train.data.prepare as prepare
import glcic_train.data.shards as shards
from glcic_train.data.convert import PrepareSettings

moment, number = sys.argv[1], int(sys.argv[2])
calls = 0

def killed(function, before):
    def call(*args):
        global calls
        calls += 1
        if before and calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args)
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

if moment == "write":
    shards.ShardWriter.write = killed(shards.ShardWriter.write, True)
else:
    os.replace = killed(os.replace, moment == "before rename")
prepare.prepare(Path(sys.argv[3]), Path(sys.argv[4]), PrepareSettings(**{settings!r}), 1)
"""


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        *(("before rename", number) for number in (1, 2, 3, 6)),
        *(("after rename", number) for number in (1, 2, 3, 6)),
        *(("write", number) for number in (1, 9)),
        # The last two renames are those of the rejects and the manifest.
        ("before rename", -1),
        ("after rename", -1),
    ],
)
def test_killed_at_any_moment_a_rerun_ends_up_the_same_to_the_byte(
    photo_folder: Make, photo: Callable[..., np.ndarray], tmp_path: Path, monkeypatch, moment: str, number: int
):
    source, out = photo_folder(10), tmp_path / "out"
    # What was rejected and what was seen before a kill must count after it.
    (source / "0 broken.jpg").write_text("text")
    for seed in range(10):
        (source / f"{seed} copied.jpg").write_bytes(resaved(photo(seed), (150, 112), quality=60))
    renames = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *args: (renames.append(args), replace(*args))[1])
    prepare(source, tmp_path / "uninterrupted", SMALL, workers=1)
    script = KILLED_RUN.format(path=sys.path, settings=vars(SMALL))
    arguments = [moment, str(len(renames) if number == -1 else number), str(source), str(out)]

    killed = subprocess.run([sys.executable, "-c", script, *arguments])
    prepare(source, out, SMALL, workers=1)

    assert killed.returncode == -signal.SIGKILL
    assert len(rejects(out)) == 11
    assert contents(out) == contents(tmp_path / "uninterrupted")


def test_a_rerun_does_not_repeat_finished_shards(photo_folder: Make, tmp_path: Path, monkeypatch):
    source, out = photo_folder(10), tmp_path / "out"
    finish = ShardWriter.finish

    def stop_at_the_second_training_shard(self: ShardWriter) -> str:
        if self.path.name == "train-000001.tar":
            raise KeyboardInterrupt
        return finish(self)

    monkeypatch.setattr(ShardWriter, "finish", stop_at_the_second_training_shard)
    with pytest.raises(KeyboardInterrupt):
        prepare(source, out, SMALL, workers=1)
    monkeypatch.setattr(ShardWriter, "finish", finish)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tar")}
    assert before

    reports = []
    prepare(source, out, SMALL, workers=1, progress=lambda done, total: reports.append((done, total)))

    assert {name: (out / name).stat().st_mtime_ns for name in before} == before
    assert reports[-1] == (10, 10)


def test_workers_of_a_killed_preparation_end_by_themselves(photo_folder: Make, tmp_path: Path):
    source = photo_folder(40, width=1200, height=900)
    command = "from glcic_train.cli.data import data; data()"
    arguments = ["prepare", str(source), str(tmp_path / "out"), "--workers", "2", "--shard-mb", "0.1"]
    process = psutil.Popen([sys.executable, "-c", command, *arguments], stdout=subprocess.DEVNULL)
    while not list((tmp_path / "out").glob(".prepare/*.json")) and process.poll() is None:
        time.sleep(0.01)
    workers = process.children(recursive=True)

    process.kill()
    process.wait()

    _, alive = psutil.wait_procs(workers, timeout=20)
    assert len(workers) >= 2
    assert not alive


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_worker_that_is_killed_is_reported_and_not_waited_for():
    with pytest.raises(GlcicError, match="worker process was ended from outside"):
        list(ordered_map(die, [1, 2, 3], workers=2))


def test_a_full_disk_is_reported_and_a_rerun_goes_on(photo_folder: Make, tmp_path: Path, monkeypatch):
    source, out = photo_folder(10), tmp_path / "out"
    prepare(source, tmp_path / "uninterrupted", SMALL, workers=1)
    add = ShardWriter.add

    def full(self: ShardWriter, *args: object) -> None:
        if "train" in self.path.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(self, *args)

    monkeypatch.setattr(ShardWriter, "add", full)
    with pytest.raises(OutputError, match=r"No space left on device.*run the same command again"):
        prepare(source, out, SMALL, workers=1)
    assert not list(out.glob("*.part"))
    with pytest.raises(InvalidInputError, match="not complete"):
        PhotoSet.open(out)
    monkeypatch.setattr(ShardWriter, "add", add)

    prepare(source, out, SMALL, workers=1)

    assert contents(out) == contents(tmp_path / "uninterrupted")


def test_a_finished_preparation_is_not_repeated(photo_folder: Make, tmp_path: Path, monkeypatch):
    source, out = photo_folder(4), tmp_path / "out"
    first = prepare(source, out, SMALL, workers=1)
    monkeypatch.setattr("glcic_train.data.prepare.convert_photo", lambda *_: pytest.fail("converted again"))

    assert prepare(source, out, SMALL, workers=1) == first


def test_a_folder_prepared_in_another_way_is_not_touched(photo_folder: Make, tmp_path: Path):
    source, out = photo_folder(4), tmp_path / "out"
    prepare(source, out, SMALL, workers=1)
    before = contents(out)

    with pytest.raises(InvalidInputError, match="other settings or from other photos"):
        prepare(source, out, PrepareSettings(), workers=1)

    assert contents(out) == before


def test_a_folder_with_other_files_is_not_touched(photo_folder: Make, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("do not lose")

    with pytest.raises(InvalidInputError, match="is not empty"):
        prepare(photo_folder(2), tmp_path / "out", SMALL, workers=1)

    assert os.listdir(tmp_path / "out") == ["thesis.txt"]
