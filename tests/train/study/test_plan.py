"""What each participant sees: fair to the methods, and not to be guessed."""

import itertools
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from glcic_backend.errors import InvalidInputError
from glcic_train.study.pictures import StudyPictures
from glcic_train.study.plan import plan


class TestPictures:
    def test_a_study_is_a_folder_of_versions(self, make_study):
        folder = make_study(3, ("real", "theirs", "ours"))
        (folder / "notes").mkdir()
        (folder / "answers.jsonl").write_text("")

        pictures = StudyPictures(folder)

        assert pictures.methods == ["real", "ours", "theirs"]
        assert pictures.names == ["a-00", "a-01", "a-02"]
        assert pictures.read("ours", "a-01") == ((folder / "ours" / "a-01.png").read_bytes(), "image/png")

    def test_a_method_may_lack_some_pictures(self, make_study):
        folder = make_study(3)
        (folder / "ours" / "a-01.png").unlink()

        assert StudyPictures(folder).methods_of("a-01") == ["real"]

    @pytest.mark.parametrize("methods", [("real",), ("ours", "theirs")], ids=["nothing completed", "nothing real"])
    def test_a_folder_without_both_kinds_is_no_study(self, make_study, methods):
        with pytest.raises(InvalidInputError, match=r"is no study.*glcic-train study new"):
            StudyPictures(make_study(2, methods))

    def test_a_size_that_would_give_the_picture_away_is_refused(self, make_study):
        folder = make_study(2)
        Image.fromarray(np.zeros((40, 61, 3), np.uint8)).save(folder / "ours" / "a-01.png")

        with pytest.raises(InvalidInputError, match=r"a-01\.png has 61 x 40 pixels, its real version 60 x 40"):
            StudyPictures(folder)

    def test_a_completed_picture_without_its_photograph_is_refused(self, make_study):
        folder = make_study(2)
        (folder / "real" / "a-00.png").unlink()

        with pytest.raises(InvalidInputError, match="has no version in"):
            StudyPictures(folder)

    def test_a_file_that_is_no_picture_is_named(self, make_study):
        folder = make_study(2)
        (folder / "ours" / "a-00.png").write_text("text")

        with pytest.raises(InvalidInputError, match=r"a-00\.png cannot be read as a picture"):
            StudyPictures(folder)

    def test_two_files_of_one_name_are_refused(self, make_study):
        folder = make_study(2)
        (folder / "real" / "a-00.jpg").write_bytes((folder / "real" / "a-00.png").read_bytes())

        with pytest.raises(InvalidInputError, match="have the same name"):
            StudyPictures(folder)


class TestPlan:
    def test_everyone_sees_every_photograph_once(self, make_study):
        trials = plan(StudyPictures(make_study(9, ("real", "ours", "theirs"))), 0, "anna")

        assert sorted(trial.picture for trial in trials) == [f"a-{number:02d}" for number in range(9)]

    def test_half_is_real_and_the_methods_share_the_rest(self, make_study):
        trials = plan(StudyPictures(make_study(20, ("real", "ours", "theirs"))), 0, "anna")

        assert Counter(trial.method for trial in trials) == {"real": 10, "ours": 5, "theirs": 5}

    def test_the_order_is_that_of_the_participant_and_the_seed(self, make_study):
        pictures = StudyPictures(make_study(20))

        assert plan(pictures, 0, "anna") == plan(pictures, 0, "anna")
        assert plan(pictures, 0, "anna") != plan(pictures, 0, "ben")
        assert plan(pictures, 0, "anna") != plan(pictures, 1, "anna")

    def test_the_last_picture_does_not_foretell_the_next(self, make_study):
        pictures = StudyPictures(make_study(20))
        repeats = []
        for number in range(100):
            methods = [trial.method for trial in plan(pictures, 0, f"person {number}")]
            repeats += [first == second for first, second in itertools.pairwise(methods)]

        # Half of 20 real, so that 9 of the other 19 pictures are of the same kind.
        assert np.mean(repeats) == pytest.approx(9 / 19, abs=0.05)

    def test_versions_are_shared_out_anew_for_everyone(self, make_study):
        pictures = StudyPictures(make_study(4))
        seen = {trial for number in range(50) for trial in plan(pictures, 0, f"person {number}")}

        assert len(seen) == 8

    def test_fewer_pictures_keep_the_balance(self, make_study):
        trials = plan(StudyPictures(make_study(20)), 0, "anna", count=6)

        assert Counter(trial.method for trial in trials) == {"real": 3, "ours": 3}
