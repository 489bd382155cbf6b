"""What a study's answers say, computed by hand."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from click.testing import CliRunner

from glcic_backend.errors import InvalidInputError
from glcic_train.cli import group
from glcic_train.study.answers import Answer, AnswerLog
from glcic_train.study.figures import figures, wilson_interval
from glcic_train.study.plots import detected_svg, naturalness_svg


def answer(method, judged_real, seconds, participant="anna", picture="a-00", disturbed=False):
    return Answer(participant, picture, method, judged_real, seconds, disturbed, "2024-05-01T10:00:00+00:00")


# Of four completed pictures two are detected, after 1 and 3 seconds; of two real ones none is mistaken.
ANSWERS = [
    answer("ours", False, 3.0),
    answer("ours", True, 2.0),
    answer("ours", False, 1.0, "ben"),
    answer("ours", True, 8.0, "ben", "b-00"),
    answer("real", True, 1.5),
    answer("real", True, 2.5, "ben"),
]


class TestFigures:
    def test_naturalness_is_the_share_judged_real(self):
        methods = figures(ANSWERS, ["real", "ours"])

        assert {name: (one.naturalness, one.answers) for name, one in methods.items()} == {
            "real": (1.0, 2),
            "ours": (0.5, 4),
        }

    def test_the_share_detected_grows_with_the_time_allowed(self):
        ours = figures(ANSWERS, ["real", "ours"])["ours"]

        assert ours.detected == [(1.0, 0.25), (3.0, 0.5)]
        assert [ours.detected_within(t) for t in (0.9, 1.0, 2.9, 3.0, 60)] == [0, 0.25, 0.25, 0.5, 0.5]
        assert ours.seconds == 2.5

    def test_the_median_is_taken_over_participants(self):
        said = [("a", True), ("a", True), ("a", False), ("b", False), ("c", True)]
        answers = [answer("ours", judged_real, 1.0, participant) for participant, judged_real in said]
        ours = figures(answers, ["ours"])["ours"]

        assert ours.by_participant == pytest.approx({"a": 2 / 3, "b": 0, "c": 1})
        assert ours.median == pytest.approx(2 / 3)

    def test_answers_to_a_hidden_page_do_not_count(self):
        assert figures([*ANSWERS, answer("ours", False, 900.0, disturbed=True)], ["ours"])["ours"].answers == 4

    def test_a_subset_is_chosen_by_name(self):
        assert figures(ANSWERS, ["real", "ours"], "b-*")["ours"].answers == 1
        assert list(figures(ANSWERS, ["real", "ours"], "b-*")) == ["ours"]

    @pytest.mark.parametrize(
        ("hits", "count", "low", "high"),
        [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (77, 100, 0.6785, 0.8416), (10, 10, 0.7225, 1.0)],
    )
    def test_the_interval_is_wilsons(self, hits, count, low, high):
        assert wilson_interval(hits, count) == pytest.approx((low, high), abs=1e-4)


def shapes(svg, tag):
    return ElementTree.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{tag}")


class TestPlots:
    def test_bars_are_as_long_as_the_share(self):
        svg = naturalness_svg(figures(ANSWERS, ["real", "ours"]))

        _, real, ours = (float(bar.get("width").rstrip("%")) for bar in shapes(svg, "rect"))
        assert ours == pytest.approx(real / 2)
        assert "50.0%" in svg and "ours" in svg

    def test_each_participant_has_a_dot(self):
        assert len(list(shapes(naturalness_svg(figures(ANSWERS, ["real", "ours"])), "circle"))) == 4

    def test_the_curve_rises_at_the_times_of_detection(self):
        svg = detected_svg(figures(ANSWERS, ["real", "ours"]))

        curve = next(shape for shape in shapes(svg, "polyline") if shape.get("stroke") == "#0072b2")
        points = [tuple(map(float, point.split(","))) for point in curve.get("points").split()]
        heights = [y for _, y in points]
        assert heights == sorted(heights, reverse=True)
        assert heights[0] - heights[-1] == pytest.approx((heights[0] - 46) / 2)  # half of the plot's height
        # Half a second to eight seconds are four octaves: 1 s lies at a quarter, 3 s at log2(6) / 4.
        left, right = points[0][0], points[-1][0]
        assert points[1][0] == pytest.approx(left + (right - left) / 4, abs=0.1)
        assert points[3][0] == pytest.approx(left + (right - left) * 2.58496 / 4, abs=0.1)

    @pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e6])
    def test_extreme_times_stay_on_the_plot(self, seconds):
        svg = detected_svg(figures([answer("ours", False, seconds)], ["ours"]))

        for shape in shapes(svg, "polyline"):
            for point in shape.get("points").split():
                x, y = map(float, point.split(","))
                assert 0 <= x <= 720 and 0 <= y <= 400

    def test_names_cannot_become_markup(self):
        methods = figures([answer("<script>&", True, 1.0)], ["<script>&"])

        for svg in (naturalness_svg(methods), detected_svg(methods)):
            assert "<script>" not in svg


class TestReport:
    @pytest.fixture
    def folder(self, make_study):
        folder = make_study(2)
        log = AnswerLog(folder)
        for number, one in enumerate(ANSWERS):
            log.append(Answer(**{**vars(one), "picture": f"a-{number:02d}"}))
        log.append(answer("ours", False, 5.0, "ben", "hidden", disturbed=True))
        log.close()
        return folder

    def report(self, folder, *options):
        return CliRunner().invoke(group, ["study", "report", str(folder), *options], catch_exceptions=False)

    def test_table_json_and_plots_come_from_one_command(self, folder):
        result = self.report(folder)

        row = next(line for line in result.output.splitlines() if line.startswith("ours"))
        assert " ".join(row.split()) == "ours 4 50.0% 15.0% to 85.0% 50.0% 2.5 25.0% 25.0% 50.0% 50.0% 50.0%"
        assert "Answers of 2 people" in result.output
        assert "Left out: 1 answers during which the page was hidden" in result.output
        values = json.loads((folder / "report.json").read_bytes())
        assert values["methods"]["ours"]["detected"] == [[1.0, 0.25], [3.0, 0.5]]
        assert values["methods"]["ours"]["naturalness"] == 0.5
        for name in ("naturalness.svg", "detected.svg"):
            assert ElementTree.fromstring((folder / name).read_bytes()).tag.endswith("svg")

    def test_json_is_what_the_file_holds(self, folder):
        assert json.loads(self.report(folder, "--json").output) == json.loads((folder / "report.json").read_bytes())

    def test_without_answers_the_next_step_is_named(self, make_study):
        with pytest.raises(InvalidInputError, match=r"no answer.*glcic-train study serve"):
            self.report(make_study(2))
