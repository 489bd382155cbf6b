"""The file of answers: nothing that was given is lost, nothing that was not given is invented."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from glcic_backend.errors import InvalidInputError, OutputError
from glcic_train.study.answers import Answer, AnswerLog, read_answers
from glcic_train.study.session import Session

ANSWER = Answer("Zoë", "a-00", "ours", True, 1.25, False, "2024-05-01T10:00:00.000+00:00")


def append(folder, *answers):
    log = AnswerLog(folder)
    for answer in answers:
        log.append(answer)
    log.close()


class TestLog:
    def test_answers_come_back_as_they_were_given_also_over_several_sessions(self, tmp_path):
        append(tmp_path, ANSWER)
        append(tmp_path, replace(ANSWER, picture="a-01"))

        assert read_answers(tmp_path) == ([ANSWER, replace(ANSWER, picture="a-01")], 0)

    def test_an_answer_survives_the_kill_that_follows_it(self, tmp_path):
        script = (
            "import os, signal, sys\nfrom pathlib import Path\n"
            "from glcic_train.study.answers import Answer, AnswerLog\n"
            "AnswerLog(Path(sys.argv[1])).append(Answer(*eval(sys.argv[2])))\n"
            "os.kill(os.getpid(), signal.SIGKILL)"
        )
        fields = repr(tuple(asdict(ANSWER).values()))

        killed = subprocess.run([sys.executable, "-c", script, str(tmp_path), fields])

        assert killed.returncode == -signal.SIGKILL
        assert read_answers(tmp_path)[0] == [ANSWER]

    def test_a_line_cut_off_by_a_kill_costs_no_other_answer(self, tmp_path):
        append(tmp_path, ANSWER)
        path = tmp_path / "answers.jsonl"
        path.write_bytes(path.read_bytes() + b'{"participant": "Zo')

        append(tmp_path, replace(ANSWER, picture="a-01"))

        assert read_answers(tmp_path) == ([ANSWER, replace(ANSWER, picture="a-01")], 1)

    def test_a_full_disk_is_told_and_the_answer_does_not_count(self, tmp_path, monkeypatch):
        append(tmp_path, ANSWER)
        log = AnswerLog(tmp_path)

        def full(descriptor, data):
            raise OSError(28, "No space left on device")

        with (
            monkeypatch.context() as patch,
            pytest.raises(OutputError, match=r"No space left.*answers so far are safe"),
        ):
            patch.setattr(os, "write", full)
            log.append(replace(ANSWER, picture="a-01"))
        log.close()
        assert read_answers(tmp_path) == ([ANSWER], 0)

    def test_the_first_answer_to_a_picture_counts(self, tmp_path):
        append(tmp_path, ANSWER, replace(ANSWER, judged_real=False), replace(ANSWER, participant="ben"))

        assert read_answers(tmp_path)[0] == [ANSWER, replace(ANSWER, participant="ben")]

    @pytest.mark.parametrize(
        "change", [{"seconds": -1}, {"seconds": float("nan")}, {"seconds": True}, {"judged_real": 1}, {"picture": 3}]
    )
    def test_a_line_that_is_no_answer_is_counted_as_damaged(self, tmp_path, change):
        (tmp_path / "answers.jsonl").write_text(json.dumps(asdict(ANSWER) | change) + "\n[]\n")

        assert read_answers(tmp_path) == ([], 2)

    def test_a_folder_that_cannot_be_written_is_named(self, tmp_path):
        with pytest.raises(OutputError, match="cannot be written"):
            AnswerLog(tmp_path / "missing")


class TestSession:
    @pytest.fixture
    def session(self, make_study):
        session = Session(make_study(4))
        yield session
        session.close()

    def answer(self, session, state, judged_real=True, seconds=1.0):
        return session.answer(
            state["participant"], state["trial"], judged_real=judged_real, seconds=seconds, disturbed=False
        )

    def test_leads_through_all_pictures_and_writes_each_answer_down(self, session):
        state = session.state("anna")
        assert (state["total"], state["answered"]) == (4, 0)
        for number in range(4):
            state = self.answer(session, state, seconds=number)

        assert (state["answered"], state["trial"], state["following"]) == (4, None, None)
        answers, _ = read_answers(session.pictures.folder)
        assert sorted(answer.picture for answer in answers) == session.pictures.names
        assert [answer.seconds for answer in answers] == [0, 1, 2, 3]

    def test_goes_on_after_a_restart_where_each_participant_stopped(self, session):
        anna, ben = session.state("anna"), session.state("ben")
        anna = self.answer(session, self.answer(session, anna))
        ben = self.answer(session, ben)

        again = Session(session.pictures.folder)

        assert again.state("anna") == anna
        assert again.state("ben") == ben
        again.close()

    def test_spaces_around_a_name_make_no_other_person(self, session):
        self.answer(session, session.state("anna maria"))

        assert session.state("  anna  maria ")["answered"] == 1

    def test_an_answer_sent_twice_counts_once(self, session):
        state = session.state("anna")

        assert self.answer(session, state) == self.answer(session, state, judged_real=False)
        answers, _ = read_answers(session.pictures.folder)
        assert [answer.judged_real for answer in answers] == [True]

    def test_pictures_added_later_are_shown_too(self, session, make_study):
        state = session.state("anna")
        while state["trial"] is not None:
            state = self.answer(session, state)
        folder = session.pictures.folder
        for method in ("real", "ours"):
            (folder / method / "b.png").write_bytes((folder / method / "a-00.png").read_bytes())

        again = Session(folder)

        state = again.state("anna")
        assert (state["total"], state["answered"]) == (5, 4)
        assert again._plan("anna")[state["trial"]].picture == "b"
        again.close()

    @pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\x07"])
    def test_a_name_that_is_none_is_refused(self, session, name):
        with pytest.raises(InvalidInputError, match="1 to 60 letters"):
            session.state(name)

    def test_a_trial_that_does_not_exist_is_refused(self, session):
        with pytest.raises(InvalidInputError, match="no picture 4; anna has 4"):
            session.picture("anna", 4)
        with pytest.raises(InvalidInputError, match="is no time"):
            session.answer("anna", 0, judged_real=True, seconds=-2.0, disturbed=False)
