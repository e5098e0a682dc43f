"""The contract suites find wrong gradients, and take right ones of every kind."""

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern

from qkernels import StatevectorEvaluator
from qkernels.kernels import FidelityKernel, KernelGradient, ProjectedKernel
from qkernels.testing import check_evaluator, check_kernel
from tests.defects import broken, make_importable, parameters, points
from tests.reference import ring, trained


def replaced(method, **changes):
    """Return a `vjp` of the exact evaluator with some of its gradients changed."""

    def vjp(self, *arguments):
        found = getattr(StatevectorEvaluator, method)(self, *arguments)
        changed = {
            name: change(getattr(found, name))
            for name, change in changes.items()
            if getattr(found, name) is not None
        }
        return found._replace(**changed)

    return {method: vjp}


def jacobian(method, change):
    def changed(self, *arguments):
        return change(getattr(StatevectorEvaluator, method)(self, *arguments))

    return {method: changed}


def slightly_more(gradient):
    return gradient + 1e-3


WRONG_GRADIENTS = [
    broken(StatevectorEvaluator, message, **methods)
    for message, methods in (
        ("gradient of fidelities by X gives a", replaced("fidelities_vjp", X=slightly_more)),
        (
            "gradient of fidelities by parameters gives a",
            replaced("fidelities_vjp", parameters=slightly_more),
        ),
        (
            "gradient of fidelities of two blocks by X gives a",
            replaced("fidelities_vjp", Y=slightly_more),
        ),
        (
            "gradient of fidelities of two blocks by Y must have shape",
            replaced("fidelities_vjp", Y=lambda gradient: gradient[:1]),
        ),
        (
            "gradient of fidelities by parameters must have shape",
            replaced("fidelities_vjp", parameters=lambda gradient: gradient[:1]),
        ),
        ("gradient of expectations by X gives a", replaced("expectations_vjp", X=np.negative)),
        (
            "gradient of expectations by parameters gives a slope of nan",
            replaced("expectations_vjp", parameters=lambda gradient: gradient * np.nan),
        ),
        (
            "slopes of fidelities forwards and backwards differ",
            jacobian("fidelities_jacobian", slightly_more),
        ),
        (
            "jacobian of fidelities must have shape",
            jacobian("fidelities_jacobian", lambda rates: rates[:, :, :1].copy()),
        ),
        (
            "slopes of expectations forwards and backwards differ",
            jacobian("expectations_jacobian", slightly_more),
        ),
    )
]


@pytest.mark.parametrize(("kind", "message"), WRONG_GRADIENTS)
def test_wrong_gradients_of_evaluators(kind, message):
    feature_map = trained(2)
    with pytest.raises(AssertionError, match=message):
        check_evaluator(kind(), feature_map, points(feature_map))


def pulled_back(change):
    """Return a `value_and_vjp` whose matrix and gradient go through `change`."""

    def value_and_vjp(self, X, Y=None):
        K, vjp = FidelityKernel.value_and_vjp(self, X, Y)
        return K, lambda cotangent: change(vjp(cotangent))

    return {"value_and_vjp": value_and_vjp}


def with_hyperparameters(change):
    return pulled_back(
        lambda g: KernelGradient(g.kernel, change(dict(g.hyperparameters)), g.points)
    )


def with_points(change):
    return pulled_back(
        lambda g: KernelGradient(g.kernel, g.hyperparameters, lambda: change(g.X, g.Y))
    )


def other_value(self, X, Y=None):
    K, vjp = FidelityKernel.value_and_vjp(self, X, Y)
    return K + 1e-3, vjp


def other_jacobian(self, X, Y=None, eval_gradient=False):
    found = FidelityKernel.__call__(self, X, Y, eval_gradient)
    return (found[0], 1.1 * found[1]) if eval_gradient else found


class OtherTheta(KernelGradient):
    """A gradient that takes all hyperparameters for linear ones."""

    @property
    def theta(self):
        return np.concatenate([self.hyperparameters[n] for n in ("bandwidth", "parameters")])


WRONG_KERNEL_GRADIENTS = [
    broken(FidelityKernel, message, **methods)
    for message, methods in (
        ("the value of value_and_vjp.X. and kernel.X. differ", {"value_and_vjp": other_value}),
        (
            r"gradients must be of the hyperparameters \['bandwidth', 'parameters'\], got",
            with_hyperparameters(lambda found: found | {"gamma": np.zeros(1)}),
        ),
        (
            "gradient of the kernel by bandwidth gives a",
            with_hyperparameters(lambda found: found | {"bandwidth": np.ones(1)}),
        ),
        (
            "gradient of the kernel by parameters gives a",
            with_hyperparameters(
                lambda found: found | {"parameters": found["parameters"][::-1].copy()}
            ),
        ),
        (
            "gradient by parameters must have shape",
            with_hyperparameters(lambda found: found | {"parameters": np.zeros(1)}),
        ),
        (
            "gradient of the kernel by theta gives a",
            pulled_back(lambda g: OtherTheta(g.kernel, g.hyperparameters, g.points)),
        ),
        ("gradient of the kernel by X gives a", with_points(lambda X, Y: (1.001 * X, Y))),
        ("gradient by Y must be None", with_points(lambda X, Y: (X, X))),
        (
            "gradient by Y must be float64",
            with_points(lambda X, Y: (X, None if Y is None else Y.astype(np.float32))),
        ),
        (
            "gradient of the kernel by X of k.X, Y. gives a",
            with_points(lambda X, Y: (X if Y is None else 2 * X, Y)),
        ),
        (
            "gradient of the kernel by Y gives a",
            with_points(lambda X, Y: (X, None if Y is None else 2 * Y)),
        ),
        ("slopes of the kernel forwards and backwards", {"__call__": other_jacobian}),
    )
]


@pytest.mark.parametrize(("kind", "message"), WRONG_KERNEL_GRADIENTS)
def test_wrong_gradients_of_kernels(kind, message, monkeypatch):
    make_importable(kind, monkeypatch)
    feature_map = trained(2)
    kernel = kind(
        feature_map,
        bandwidth=0.7,
        bandwidth_bounds=(0.1, 10.0),
        parameters=parameters(feature_map),
        parameter_bounds=(-4.0, 4.0),
    )
    with pytest.raises(AssertionError, match=message):
        check_kernel(kernel, points(feature_map))


@pytest.mark.parametrize(
    "options",
    [
        {"gamma": 1e-4, "gamma_bounds": (1e-5, 1.0), "bandwidth": [0.5, 2.0]},
        {"outer": ConstantKernel(2.0, "fixed") * RBF([0.5] * 6)},
        {"outer": Matern(0.7, nu=0.8), "bandwidth_bounds": (0.1, 10.0)},
        {"outer": RBF(0.8) + FidelityKernel(lambda n: ring(n), bandwidth_bounds=(0.1, 10.0))},
    ],
    ids=["small gamma", "scales", "coarse", "quantum outside"],
)
def test_gradients_of_projected_kernels(options):
    angles = {"parameters": [0.0, 0.4], "parameter_bounds": (-4.0, 4.0)}
    kernel = ProjectedKernel(lambda n: trained(n), **angles | options)
    check_kernel(kernel, points(trained(2)))
