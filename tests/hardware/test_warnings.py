"""Warnings of runs: what they say, and that they name the line of the user."""

import linecache
import re
import warnings

import numpy as np
import pytest

import qkernels as qk
from qkernels import hardware
from tests.hardware.devices import Device, Queue
from tests.hardware.test_plan import X, fidelity, zz


def recorded(call):
    """Return the warnings of a call, and where they say they come from."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(warning.filename == __file__ for warning in caught)
    lines = [linecache.getline(__file__, warning.lineno).strip() for warning in caught]
    return [(w.category, str(w.message), line) for w, line in zip(caught, lines, strict=True)]


class Working(Queue):
    """A queue that runs each job as it comes."""

    def submit(self, chunk, token):
        reference = super().submit(chunk, token)
        self.work()
        return reference


@pytest.fixture
def half_bought():
    """Return a queue in another calibration, and a plan whose first points are bought."""
    queue = Working(Device())
    ledger = hardware.Ledger()
    hardware.plan(fidelity(queue, ledger=ledger), X[:3]).execute()
    queue.calibration = "tuesday"
    return queue, hardware.plan(fidelity(queue, ledger=ledger), X)


MESSAGE = "counts of this matrix are of different calibrations: 6 points in monday, 15 points in tu"


def test_execute_resume_and_collect_name_the_line_of_the_user(half_bought):
    _, plan = half_bought
    (found,) = recorded(lambda: plan.execute())
    assert (found[0], found[2]) == (
        hardware.CalibrationWarning,
        "(found,) = recorded(lambda: plan.execute())",
    )
    assert found[1].startswith(MESSAGE)
    run = plan.open()
    (found,) = recorded(lambda: run.resume(wait=False))
    assert found[2] == "(found,) = recorded(lambda: run.resume(wait=False))"
    (found,) = recorded(lambda: run.collect())
    assert found[2] == "(found,) = recorded(lambda: run.collect())"
    assert found[1].startswith(MESSAGE)


def test_submit_and_resolve_name_the_line_of_the_user(half_bought):
    queue, plan = half_bought
    (found,) = recorded(lambda: plan.submit())
    assert found[2] == "(found,) = recorded(lambda: plan.submit())"
    run = plan.open()
    run.ledger.change(run.ledger.submissions()[-1], "unknown")
    queue.calibration = "wednesday"
    (found,) = recorded(lambda: run.resolve(2, action="resubmit"))
    assert found[2] == '(found,) = recorded(lambda: run.resolve(2, action="resubmit"))'


def test_a_top_up_names_the_line_of_the_user(half_bought):
    queue, plan = half_bought
    run = plan.open()
    recorded(run.resume)
    queue.calibration = "wednesday"
    found = recorded(lambda: run.top_up(std_error=0.02))
    assert found
    for category, message, line in found:
        assert category is hardware.CalibrationWarning
        assert re.search(r"6 points in monday, 15 points in tuesday, \d+ points in wednes", message)
        assert line == "found = recorded(lambda: run.top_up(std_error=0.02))"


def test_errors_that_are_left_are_told_of(monkeypatch):
    monkeypatch.setattr("qkernels.hardware.run._ROUNDS", 1)
    # A pilot of one repetition underestimates what entries take.
    run = hardware.plan(fidelity(repetitions=1), X).execute()
    found = recorded(lambda: run.top_up(std_error=0.005))
    ((category, message, line),) = found
    assert category is UserWarning
    assert re.fullmatch(
        r"standard errors of up to 0\.\d+ are left after 1 rounds, expected 0\.005: top up again",
        message,
    )
    assert line == "found = recorded(lambda: run.top_up(std_error=0.005))"


def test_one_calibration_is_nothing_to_tell_of():
    queue = Working(Device())
    run = hardware.plan(fidelity(queue), X)
    assert recorded(lambda: run.execute().top_up(std_error=0.03).collect()) == []


def test_calibrations_of_other_points_do_not_matter():
    queue, ledger = Working(Device()), hardware.Ledger()
    hardware.plan(fidelity(queue, ledger=ledger), X[:3]).execute()
    queue.calibration = "tuesday"
    evaluator = qk.SamplerEvaluator(queue, repetitions=100, ledger=ledger)
    kernel = qk.FidelityKernel(zz, bandwidth=0.5, evaluator=evaluator)
    assert recorded(lambda: hardware.plan(kernel, X[:3]).execute()) == []
    # Tuesday's counts are there all the same.
    assert ledger.calibrations(hardware.plan(kernel, X[:3]).requests[0].keys("queue")) == {
        "tuesday": 6
    }
    assert np.isfinite(hardware.plan(kernel, X[:3]).open().estimate().K).all()
