"""The report: what it finds on data of which it is known, its forms, and bad input."""

import base64
import html
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.gaussian_process.kernels import RBF

import qkernels as qk
from qkernels.evidence import Interval
from qkernels.evidence.result import _plain
from qkernels.evidence.verdict import verdict

X, Y = make_moons(60, noise=0.2, random_state=0)
KERNEL = qk.FidelityKernel(qk.feature_maps.iqp)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    result = qk.report(KERNEL, X, Y, cv=3, repeats=2, random_state=0, out=path, verbose=0)
    return result, path.read_text()


def test_what_is_in_it(found):
    result, _ = found
    assert list(result.scores) == ["quantum", "rbf", "linear", "poly", "unentangled"]
    assert list(result.differences) == ["rbf", "linear", "poly", "unentangled"]
    assert (result.task, result.scoring, result.n_points, result.n_features) == (
        "classification",
        "accuracy",
        60,
        2,
    )
    for name, score in result.scores.items():
        assert 0.5 < score.mean <= 1
        assert sum(result.settings[name]["chosen"]) == 6
    for name, difference in result.differences.items():
        expected = result.scores["quantum"].mean - result.scores[name].mean
        assert difference.mean == pytest.approx(expected)


def test_moons_are_no_advantage(found):
    assert found[0].verdict[0].startswith("No evidence of an advantage")


def test_the_same_seed_gives_the_same_report(found):
    again = qk.report(KERNEL, X, Y, cv=3, repeats=2, random_state=0, verbose=0)
    assert again == found[0]


def test_json(found):
    values = json.loads(found[0].to_json())
    assert values["scores"]["quantum"] == pytest.approx(found[0].scores["quantum"]._asdict())
    assert values["verdict"] == found[0].verdict


def test_the_methods_say_what_was_done(found):
    text = found[0].methods_text()
    for part in (
        "60 points of 2 features",
        "3-fold cross-validation, repeated 2 times",
        "35 configurations",
        "Nadeau",
    ):
        assert part in text
    assert "seed 0" in text
    assert repr(KERNEL) in text


class Links(HTMLParser):
    """Collects what a page would load."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [value for key, value in attributes if key in ("src", "href")]


def test_the_page_needs_no_network(found):
    result, page = found
    links = Links()
    links.feed(page)
    assert len(links.found) == 6
    for link in links.found:
        assert link.startswith("data:image/png;base64,")
        assert base64.b64decode(link.split(",")[1]).startswith(b"\x89PNG")
    for sentence in result.verdict:
        assert html.escape(sentence) in page
    for words in ("chance", "centred alignment with the best RBF", "repetitions to see values"):
        assert words in page
    assert not re.search(r"https?://|@import|url\(", page)


def test_names_are_escaped(tmp_path):
    y = np.where(Y == 1, "<b>", "a&b")
    path = tmp_path / "page.html"
    qk.report(KERNEL, X, y, cv=2, repeats=1, baselines=["linear"], out=path, verbose=0)
    assert "<b>" not in path.read_text()


def test_it_prints_unless_it_is_told_not_to(capsys):
    options = {"cv": 2, "repeats": 1, "baselines": ["linear"], "random_state": 0}
    result = qk.report(KERNEL, X, Y, **options)
    printed = capsys.readouterr()
    assert printed.out == f"{result}\n"
    assert "split" in printed.err
    qk.report(KERNEL, X, Y, **options, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_labels_that_a_quantum_kernel_has_made():
    """Of circuits with a short scale, whose labels no smooth kernel learns."""
    X, y = qk.datasets.ad_hoc(120, random_state=0)
    result = qk.report(
        qk.FidelityKernel(qk.feature_maps.zz), X, y, repeats=1, random_state=0, verbose=0
    )
    assert result.verdict[0].startswith("The quantum kernel is better than every classical")
    assert all(d.low > 0 and d.mean > 0.2 for d in result.differences.values())
    assert "Gates on several qubits help" in result.verdict[1]


@pytest.mark.parametrize(
    "kernel",
    [KERNEL + RBF(1.0), qk.ProjectedKernel(qk.feature_maps.iqp), KERNEL**2],
    ids=["sum", "projected", "power"],
)
def test_values_that_are_no_probabilities_cost_no_repetitions(kernel, tmp_path):
    path = tmp_path / "page.html"
    result = qk.report(kernel, X, Y, cv=2, repeats=1, baselines=["rbf"], out=path, verbose=0)
    assert "repetitions_for_spread" not in result.diagnostics["concentration"]
    assert not any("On hardware" in sentence for sentence in result.verdict)


def test_nothing_to_compare_with():
    kernel = qk.ProjectedKernel(qk.feature_maps.heisenberg)
    with pytest.raises(ValueError, match="baselines: expected one that makes sense here, got"):
        qk.report(kernel, X, Y, baselines=["unentangled"])


def test_what_is_not_finite_is_null():
    assert _plain({"a": [np.inf, 1.5], "b": (np.nan, 2, "c")}) == {
        "a": [None, 1.5],
        "b": [None, 2, "c"],
    }


def test_numbers_are_predicted_too():
    y = np.sin(3 * X[:, 0]) + 0.05 * X[:, 1]
    result = qk.report(KERNEL, X, y, cv=3, repeats=1, baselines=["rbf"], verbose=0)
    assert (result.task, result.scoring) == ("regression", "r2")
    assert result.scores["rbf"].mean > 0.9


def test_circuits_of_which_nothing_is_left_are_left_out():
    kernel = qk.ProjectedKernel(qk.feature_maps.heisenberg)
    names = ["linear", "unentangled"]
    result = qk.report(kernel, X, Y, cv=2, repeats=1, baselines=names, verbose=0)
    assert "unentangled" not in result.scores
    assert "Left out: unentangled, as it sees no data" in str(result)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"baselines": ["svm"]}, ValueError, "baselines: expected some of"),
        ({"cv": 1}, ValueError, "expected cv to be an integer of at least 2, got 1"),
        ({"repeats": 0}, ValueError, "expected repeats to be an integer of at least 1, got 0"),
        ({"y": Y[:9]}, ValueError, "y: expected a value for each of 60 points, got 9"),
        ({"groups": [1, 2]}, ValueError, "groups: expected a value for each of 60 points, got 2"),
        ({"y": np.zeros(60)}, ValueError, "y: expected two values or more"),
        ({"X": np.ones((60, 2))}, ValueError, "X: expected points that differ, got equal ones"),
        ({"out": "."}, IsADirectoryError, "out: expected the path of a file, got the folder"),
        (
            {"y": [0] * 4 + [1] * 56, "cv": 3},
            ValueError,
            "expected at least 3 points of each class",
        ),
        ({"out": "nowhere/page.html"}, FileNotFoundError, "out: expected the folder of nowhere"),
        ({"kernel": RBF(1.0)}, ValueError, "kernel: expected one with a bandwidth"),
        ({"kernel": "zz"}, TypeError, "kernel: expected a kernel that returns one matrix"),
        ({"X": [[np.nan]] * 60}, ValueError, "contains NaN"),
    ],
)
def test_bad_input_is_refused_before_any_work(options, error, message, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("work was begun")

    monkeypatch.setattr("qkernels.evidence.reports.nested_scores", never)
    arguments = {"kernel": KERNEL, "X": X, "y": Y} | options
    with pytest.raises(error, match=message):
        qk.report(**arguments)


def test_kernels_that_are_measured_are_refused():
    kernel = qk.FidelityKernel(qk.feature_maps.zz, evaluator=qk.SamplerEvaluator(cirq_sampler()))
    with pytest.raises(ValueError, match="expected a kernel that is simulated, as its bandwidth"):
        qk.report(kernel, X, Y)


def cirq_sampler():
    import cirq

    return cirq.Simulator(seed=0)


# -- The words

NUMBERS = {
    "root_n": 10.0,
    "at_the_edge": [],
    "likeness": {"rbf": 0.5, "polynomial": 0.4},
    "concentration": {"mean": 0.5, "repetitions_for_spread": 123.0},
    "geometric_difference": {"from": "rbf", "g": 9.0, "g_regularized": 8.0},
}


def words(quantum, rbf, difference, diagnostics=NUMBERS, chance=-1.0, **more):
    scores = {"quantum": Interval(quantum, 0, 1), "rbf": Interval(rbf, 0, 1)}
    scores |= {name: Interval(0.5, 0, 1) for name in more}
    differences = {"rbf": Interval(quantum - rbf, *difference)} | more
    return verdict(scores, differences, diagnostics, "accuracy", chance)


def test_conclusions():
    assert "may well be chance" in words(0.9, 0.85, (-0.02, 0.12))[0]
    assert "the best classical kernel is better" in words(0.8, 0.9, (-0.15, -0.05))[0]
    assert words(0.9, 0.8, (0.05, 0.15))[0].startswith("The quantum kernel is better than every")
    assert (
        "but not than all of them"
        in words(0.9, 0.8, (0.05, 0.15), linear=Interval(0.2, -0.1, 0.5))[0]
    )


def test_entanglement():
    assert (
        "does as well within the error"
        in words(0.9, 0.9, (-0.1, 0.1), unentangled=Interval(0.0, -0.1, 0.1))[1]
    )
    better, worse = Interval(0.2, 0.1, 0.3), Interval(-0.2, -0.3, -0.1)
    assert "several qubits help" in words(0.9, 0.9, (-0.1, 0.1), unentangled=better)[1]
    assert "several qubits hurt" in words(0.9, 0.9, (-0.1, 0.1), unentangled=worse)[1]


def test_equal_differences_on_all_splits_say_nothing():
    same = Interval(0.1, 0.1, 0.1)
    assert "may well be chance" in words(0.9, 0.8, (0.1, 0.1))[0]
    assert "may well be chance" in words(0.8, 0.9, (-0.1, -0.1))[0]
    assert "as well within" in words(0.9, 0.9, (-0.1, 0.1), unentangled=same)[1]


def test_chance():
    assert words(0.6, 0.6, (-0.1, 0.1), chance=0.55)[1].startswith("No kernel is clearly better")


def test_remarks():
    text = " ".join(words(0.9, 0.9, (-0.1, 0.1)))
    assert "(rbf) is at most g = 9 times the quantum kernel's (8 with a regularisation" in text
    assert "there may be labels that suit it better" in text
    assert "123 repetitions" in text
    assert "nearly a classical one" not in text
    assert "edge" not in text
    edge = NUMBERS | {"at_the_edge": ["quantum", "rbf"]}
    assert "Of quantum, rbf the best setting is at the edge" in words(0.9, 0.9, (-1, 1), edge)[1]
    alike = NUMBERS | {"likeness": {"rbf": 0.97, "polynomial": 0.99}}
    small = alike | {"concentration": NUMBERS["concentration"] | {"mean": 0.01}}
    assert "nearly a classical one" not in " ".join(words(0.9, 0.9, (-0.1, 0.1), small))
    near = alike | {"geometric_difference": NUMBERS["geometric_difference"] | {"g": 1.2}}
    text = " ".join(words(0.9, 0.9, (-0.1, 0.1), near))
    assert "centred alignment with a polynomial kernel is 0.990" in text
    assert "no labels are much easier for the quantum kernel" in text
