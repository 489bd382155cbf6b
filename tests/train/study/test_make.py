"""A study made of a model and photographs."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from glcic_backend.errors import InvalidInputError, OutputError
from glcic_train.cli import group
from glcic_train.data import PhotoSet
from glcic_train.evaluation.baselines import telea
from glcic_train.evaluation.cases import CaseOptions, cases
from glcic_train.study.pictures import StudyPictures

OPTIONS = ("--short-side", "48", "--hole", "10", "16", "--device", "cpu")


def new(photos: Path, out: Path, *options: str) -> str:
    command = ["study", "new", "shipped", str(photos), "--out", str(out), *OPTIONS, *options]
    result = CliRunner().invoke(group, command, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def read(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_pictures_are_the_cases_of_an_evaluation_and_their_completions(photos, tmp_path):
    output = new(photos, tmp_path, "--name", "ours", "--baselines", "telea", "--masks", "rectangle", "--masks", "blob")

    assert "glcic-train study serve" in output
    pictures = StudyPictures(tmp_path)
    assert pictures.methods == ["real", "ours", "telea"]
    # Photographs take turns with the kinds of holes.
    assert pictures.names == ["blob-0001", "blob-0003", "rectangle-0000", "rectangle-0002"]
    made = cases(PhotoSet.open(photos, "val"), CaseOptions(("rectangle", "blob"), 60, 0, 48, (10, 16)))
    case = list(made)[3]
    assert case.kind == "blob"
    np.testing.assert_array_equal(read(tmp_path / "real" / "blob-0001.png"), case.truth)
    np.testing.assert_array_equal(read(tmp_path / "telea" / "blob-0001.png"), telea(case.input, case.hole))
    ours = read(tmp_path / "ours" / "blob-0001.png")
    np.testing.assert_array_equal(ours[~case.hole], case.truth[~case.hole])
    assert (ours[case.hole] != case.truth[case.hole]).any()


def test_a_second_model_joins_a_study_of_the_same_photographs(photos, tmp_path):
    new(photos, tmp_path, "--name", "ours", "--count", "2")
    new(photos, tmp_path, "--name", "older", "--count", "2")

    assert StudyPictures(tmp_path).methods == ["real", "older", "ours"]
    description = json.loads((tmp_path / "study.json").read_bytes())
    assert description["methods"].keys() == {"ours", "older"}
    assert len(description["methods"]["ours"]["sha256"]) == 64


def test_another_choice_of_photographs_does_not_join(photos, tmp_path):
    new(photos, tmp_path, "--name", "ours", "--count", "2")

    with pytest.raises(InvalidInputError, match="study of other photographs"):
        new(photos, tmp_path, "--name", "older", "--count", "2", "--seed", "1")
    assert not (tmp_path / "older").exists()


def test_pictures_that_were_judged_are_not_replaced(photos, tmp_path):
    new(photos, tmp_path, "--name", "ours", "--count", "2")

    with pytest.raises(InvalidInputError, match="has pictures of ours already"):
        new(photos, tmp_path, "--name", "ours", "--count", "2")


def test_a_method_is_called_as_its_model_is_on_the_command_line(photos, tmp_path):
    new(photos, tmp_path, "--count", "2")

    assert StudyPictures(tmp_path).methods == ["real", "shipped"]


@pytest.mark.parametrize("name", ["real", "REAL", "..", "."])
def test_a_name_that_is_no_method_is_refused(photos, tmp_path, name):
    with pytest.raises(InvalidInputError, match="cannot be the name of a method"):
        new(photos, tmp_path, "--name", name, "--count", "2")


def test_a_name_stays_within_the_study(photos, tmp_path):
    new(photos, tmp_path / "study", "--name", "../ours", "--count", "2")

    assert [path.name for path in tmp_path.iterdir()] == ["study"]
    assert StudyPictures(tmp_path / "study").methods == ["real", "-ours"]


def test_a_folder_that_cannot_be_made_is_named(photos, tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(OutputError, match="--out"):
        new(photos, tmp_path / "file" / "study", "--count", "2")


def test_a_plain_folder_of_photographs_will_do(tmp_path):
    pictures = tmp_path / "Pictures"
    pictures.mkdir()
    generator = np.random.default_rng(0)
    for number in range(3):
        coarse = generator.integers(0, 256, (6, 8, 3), np.uint8)
        cv2.imwrite(str(pictures / f"{number}.jpg"), cv2.resize(coarse, (64, 56), interpolation=cv2.INTER_CUBIC))

    new(pictures, tmp_path / "study", "--name", "ours", "--count", "2")

    assert len(StudyPictures(tmp_path / "study").names) == 2
    shown = json.loads((tmp_path / "study" / "study.json").read_bytes())["photographs"]["shards"]
    assert shown == ["0.jpg", "1.jpg", "2.jpg"]


def test_a_folder_of_shards_without_validation_photographs_is_used_with_split_all(photos, tmp_path):
    only = tmp_path / "only"
    only.mkdir()
    shutil.copy(photos / "train-000000.tar", only)

    with pytest.raises(InvalidInputError, match=r"no shard of the split 'val', only of: train.* `--split all`"):
        new(only, tmp_path / "study", "--name", "ours", "--count", "2")
    new(only, tmp_path / "study", "--name", "ours", "--count", "2", "--split", "all")

    assert StudyPictures(tmp_path / "study").methods == ["real", "ours"]
