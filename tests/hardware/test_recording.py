"""What kernels ask for: the names of its points, and plans that travel."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import qkernels as qk
from qkernels import hardware
from qkernels.hardware.recording import recorded
from tests.hardware.devices import Device
from tests.hardware.test_plan import X, Y, fidelity, projected, zz

ROOT = Path(__file__).parents[2]


def names(plan):
    return {request.name(k) for request in plan.requests for k in range(len(request))}


def expected_names(n_X, n_Y=0):
    points = [f"X[{i}]" for i in range(n_X)] + [f"Y[{i}]" for i in range(n_Y)]
    return {f"{point} in setting {letters}" for point in points for letters in ("XX", "YY", "ZZ")}


def test_settings_keep_their_letters():
    assert names(hardware.plan(projected(), X[:2])) == expected_names(2)
    assert names(hardware.plan(projected(), X[:2], Y)) == expected_names(2, 4)


def test_points_of_both_sets_are_named_once_as_in_the_first():
    assert names(hardware.plan(projected(), X[:2], X[1:3])) == {
        name for name in expected_names(2, 2) if not name.startswith("Y[0]")
    }
    kernel = fidelity(mitigation=[hardware.Depolarizing("split")])
    assert names(hardware.plan(kernel, X[:1], X[:2])) == {
        *("X[0] with X[0]", "X[0] with Y[1]", "Y[1] with Y[1]")
    }


def test_kernels_of_one_circuit_have_the_same_points():
    evaluator = qk.SamplerEvaluator(Device(), repetitions=10)
    half = qk.ProjectedKernel(zz, bandwidth=0.5, evaluator=evaluator)
    both = hardware.plan(half + qk.ProjectedKernel(zz, evaluator=evaluator), X[:2], Y[:1])
    (request,) = both.requests
    assert len(request) == 2 * 9
    assert names(both) == expected_names(2, 1)
    half = qk.FidelityKernel(zz, bandwidth=0.5, evaluator=evaluator)
    both = hardware.plan(half + qk.FidelityKernel(zz, evaluator=evaluator), X[:2])
    (request,) = both.requests
    assert len(request) == 2 * 3
    assert names(both) == {"X[0] with X[0]", "X[0] with X[1]", "X[1] with X[1]"}


def test_states_are_asked_for_with_their_own_names():
    first, second = recorded(projected(), [X, Y])
    assert first.name(0).startswith("X[")
    assert second.name(0).startswith("Y[")


# -- Plans that travel


@pytest.mark.parametrize("make", [fidelity, projected])
@pytest.mark.parametrize("points", [(X,), (X, Y)])
@pytest.mark.parametrize("copied", [lambda p: pickle.loads(pickle.dumps(p)), copy.deepcopy])
def test_a_copy_of_a_plan_is_the_plan(make, points, copied):
    plan = hardware.plan(make(), *points)
    again = copied(plan)
    assert names(again) == names(plan)
    assert again.circuit == plan.circuit
    assert again.summary() == plan.summary()
    found = again.execute().estimate()
    # Copies share the ledger, where all is now.
    np.testing.assert_array_equal(plan.open().estimate().K, found.K)
    assert plan.open().missing == 0


def test_a_plan_is_carried_out_in_another_process(tmp_path):
    evaluator = qk.SamplerEvaluator(Device(seed=3), repetitions=50, ledger=tmp_path / "run.db")
    kernel = qk.ProjectedKernel(zz, evaluator=evaluator)
    kernel = qk.FidelityKernel(zz, evaluator=evaluator) * kernel
    plan = hardware.plan(kernel, X, Y).allocate(3000)
    (tmp_path / "plan").write_bytes(pickle.dumps(plan))
    program = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb')).execute()"
    subprocess.run([sys.executable, "-c", program, tmp_path / "plan"], cwd=ROOT, check=True)
    run = plan.open()
    assert run.missing == 0
    elsewhere = run.estimate().K
    np.testing.assert_array_equal(plan.execute(hardware.Ledger()).estimate().K, elsewhere)
