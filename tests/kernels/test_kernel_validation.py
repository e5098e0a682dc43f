"""Data and arguments that a kernel refuses, and what it says: what it expected, what it got."""

import cirq
import numpy as np
import pytest
from scipy.sparse import csr_array

from qkernels import FeatureMap, feature_maps
from qkernels.kernels import FidelityKernel, ProjectedFeatures, ProjectedKernel
from tests.reference import arccos, ring, trained

T = np.array([0.7, -1.1])
X = np.random.default_rng(4).uniform(-0.9, 0.9, (5, 2))


def calls(kernel):
    """Return every way in which data reach a kernel."""
    return [
        kernel,
        kernel.diag,
        kernel.prepare,
        lambda given: kernel(X, given),
        lambda given: kernel(given, X),
        lambda given: kernel(given, eval_gradient=True),
    ]


def with_entry(value):
    changed = X.copy()
    changed[1, 1] = value
    return changed


BAD = {
    "1-D": (X[0], ValueError, "Expected 2D array, got 1D array instead"),
    "scalar": (0.5, ValueError, "Expected 2D array, got scalar array instead"),
    "3-D": (X[None], ValueError, r"Found array with dim 3, while dim <= 2 is required by \w+Kern"),
    "no points": (X[:0], ValueError, r"Found array with 0 sample\(s\) \(shape=\(0, 2\)\)"),
    "no columns": (X[:, :0], ValueError, r"Found array with 0 feature\(s\) \(shape=\(5, 0\)\)"),
    "NaN": (with_entry(np.nan), ValueError, "Input [XY] contains NaN"),
    "infinity": (with_entry(np.inf), ValueError, "Input [XY] contains infinity"),
    "None": ([[0.1, None]], TypeError, "[XY] must hold real numbers, got dtype object"),
    "complex": (X + 1j, ValueError, "Complex data not supported"),
    "text": (
        [["a", "b"]],
        ValueError,
        "dtype='numeric' is not compatible with arrays of bytes/str",
    ),
    "objects": (np.array([["a", 0.1]], dtype=object), ValueError, "could not convert string"),
    "ragged": ([[0.1], [0.1, 0.2]], ValueError, "inhomogeneous"),
    "dates": (np.zeros((2, 2), dtype="M8[s]"), TypeError, "[XY] must hold real numbers, got dtype"),
    "sparse": (csr_array(X), TypeError, "Sparse data was passed.*, but dense data is required"),
}


@pytest.mark.parametrize(("given", "error", "message"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("kernel", [FidelityKernel(ring), ProjectedKernel(ring(2))], ids=repr)
def test_bad_data(kernel, given, error, message):
    for call in calls(kernel):
        with pytest.raises(error, match=message):
            call(given)


@pytest.mark.parametrize("kind", [FidelityKernel, ProjectedKernel])
def test_wrong_number_of_features(kind):
    kernel = kind(ring(2))
    name = f"the feature map 'ring' of {kind.__name__} expects 2"
    for call in (kernel, kernel.diag, kernel.prepare):
        with pytest.raises(ValueError, match=f"^X has 3 features, but {name}$"):
            call(np.ones((4, 3)))
    with pytest.raises(ValueError, match=f"^Y has 1 features, but {name}$"):
        kernel(X, X[:, :1])
    message = f"expected X and Y of {kind.__name__} to have equally many features, got 2 and 1"
    with pytest.raises(ValueError, match=message):
        kind(ring)(X, X[:, :1])


def test_data_outside_the_domain():
    with pytest.raises(ValueError, match=r"arccos of column 1 of X .* got 1.5 in row 1"):
        FidelityKernel(arccos)(with_entry(1.5))


GOOD = {
    "list": X.tolist(),
    "tuple": tuple(map(tuple, X.tolist())),
    "Fortran": np.asfortranarray(X),
    "strided": np.repeat(X, 2, axis=1)[:, ::2],
    "read-only": np.frombuffer(X.tobytes()).reshape(X.shape),
    "objects": X.astype(object),
    "big-endian": X.astype(">f8"),
}


@pytest.mark.parametrize("given", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("kernel", [FidelityKernel(ring), ProjectedKernel(ring)], ids=repr)
def test_data_of_other_kinds(kernel, given):
    np.testing.assert_array_equal(kernel(given), kernel(X))
    np.testing.assert_array_equal(kernel(given, X), kernel(X))
    np.testing.assert_array_equal(kernel(X[:2], given), kernel(X[:2], X))
    np.testing.assert_array_equal(kernel.diag(given), kernel.diag(X))


@pytest.mark.parametrize("dtype", ["f2", "f4", "i1", "u8", "?"])
def test_numbers_of_other_types_count_as_float64(dtype):
    kernel = FidelityKernel(ring)
    given = (10 * X).astype(dtype)
    K = kernel(given)
    assert K.dtype == np.float64
    np.testing.assert_array_equal(K, kernel(given.astype(np.float64)))


def test_data_frames():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b"])
    for kernel in (FidelityKernel(ring), ProjectedKernel(ring)):
        np.testing.assert_array_equal(kernel(frame), kernel(X))
        np.testing.assert_array_equal(kernel(frame.astype("Float64")), kernel(X))
        assert type(kernel.diag(frame)) is np.ndarray
    with pytest.raises(ValueError, match="NaN"):
        kernel(frame.where(frame > 0))


# -- Feature maps


@pytest.mark.parametrize("feature_map", [None, "zz", 3])
def test_not_a_feature_map(feature_map):
    message = r"feature_map must be a FeatureMap or a function of the number of features"
    for make in (FidelityKernel, ProjectedKernel):
        with pytest.raises(TypeError, match=message):
            make(feature_map)(X)
    with pytest.raises(TypeError, match=message):
        ProjectedFeatures(feature_map).fit(X)


def test_function_of_something_else():
    with pytest.raises(TypeError, match=r"feature_map\(2\) must return a FeatureMap, got Circuit"):
        FidelityKernel(lambda n: ring(n).circuit.unfreeze())(X)
    with pytest.raises(ValueError, match="X has 2 features, but the feature map 'ring' of Fid"):
        FidelityKernel(lambda n: ring(3))(X)


def test_unhashable_functions_are_called_too():
    class Build:
        __hash__ = None

        def __call__(self, n_features):
            return ring(n_features)

    np.testing.assert_array_equal(FidelityKernel(Build())(X), FidelityKernel(ring)(X))


def test_errors_of_a_function_pass_through():
    with pytest.raises(ZeroDivisionError):
        FidelityKernel(lambda n: 1 // 0)(X)


def test_map_without_features():
    fixed = FeatureMap(ring(2).circuit, [], ["x0", "x1"], name="ansatz")
    with pytest.raises(
        ValueError, match="the feature map 'ansatz' has no features: its state does"
    ):
        FidelityKernel(fixed, parameters=T)(X)


# -- Parameters, bandwidth, gamma, evaluator


def test_missing_parameters():
    with pytest.raises(ValueError, match="'trained' has 2 trainable symbols, but parameters is No"):
        FidelityKernel(trained)(X)


@pytest.mark.parametrize(
    ("parameters", "error", "got"),
    [
        ([0.1], ValueError, r"shape \(1,\)"),
        (0.1, ValueError, r"shape \(\)"),
        ([[0.1, 0.2]], ValueError, r"shape \(1, 2\)"),
        ([], ValueError, r"shape \(0,\)"),
        ([0.1, np.nan], ValueError, r"\[0.1, nan\]"),
        ([0.1, 1j], TypeError, r"\[0.1, 1j\]"),
        ("ab", TypeError, "'ab'"),
        ([0.1, [0.2]], TypeError, r"\[0.1, \[0.2\]\]"),
    ],
)
def test_bad_parameters(parameters, error, got):
    message = rf"parameters must be 2 finite numbers, one for each trainable symbol.*got {got}"
    with pytest.raises(error, match=message):
        FidelityKernel(trained, parameters=parameters)(X)


def test_parameters_of_a_map_that_has_none():
    with pytest.raises(ValueError, match=r"parameters must be 0 finite numbers.* got shape \(2,\)"):
        FidelityKernel(ring, parameters=T)(X)
    np.testing.assert_array_equal(FidelityKernel(ring, parameters=[])(X), FidelityKernel(ring)(X))


@pytest.mark.parametrize(
    ("bandwidth", "error", "got"),
    [
        *((value, ValueError, str(value)) for value in (0, -1.0, np.inf, np.nan)),
        ([1.0, 0.0], ValueError, r"\[1.0, 0.0\]"),
        ([1.0], ValueError, r"shape \(1,\)"),
        ([1.0, 2.0, 3.0], ValueError, r"shape \(3,\)"),
        ([[1.0, 2.0]], ValueError, r"shape \(1, 2\)"),
        *((value, TypeError, repr(value)) for value in (None, "1", 1j, True)),
    ],
)
def test_bad_bandwidth(bandwidth, error, got):
    expected = "a positive finite number or one for each of the 2 features"
    for make in (FidelityKernel, ProjectedKernel):
        with pytest.raises(error, match=f"bandwidth must be {expected}, got {got}"):
            make(ring, bandwidth=bandwidth)(X)


@pytest.mark.parametrize(
    ("gamma", "error"),
    [
        *((value, ValueError) for value in (0, -1, np.nan, [1.0])),
        *((value, TypeError) for value in ("scale", None, 1j)),
    ],
)
def test_bad_gamma(gamma, error):
    for call in calls(ProjectedKernel(ring, gamma=gamma)):
        with pytest.raises(error, match="gamma must be a positive finite number, got"):
            call(X)


@pytest.mark.parametrize("evaluator", ["exact", 3, type(FidelityKernel(ring))])
def test_bad_evaluator(evaluator):
    kernel = FidelityKernel(ring, evaluator=evaluator)
    for use in (lambda: kernel(X), lambda: kernel.fingerprint(), lambda: kernel.restore({})):
        with pytest.raises(TypeError, match=r"evaluator must be None \(the shared exact evaluator"):
            use()


def test_arguments_are_checked_before_any_work():
    kernel = ProjectedKernel(feature_maps.zz, locality=3)
    for call in calls(kernel):
        with pytest.raises(ValueError, match="locality must be an integer from 1 to the 2 qubits"):
            call(X)


def test_circuit_in_place_of_a_feature_map():
    with pytest.raises(TypeError, match=r"got a circuit: wrap it as FeatureMap\(circuit, features"):
        FidelityKernel(cirq.Circuit(cirq.H(cirq.LineQubit(0))))(np.ones((2, 1)))
