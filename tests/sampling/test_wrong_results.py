"""Results that are not what was asked for: put in order, or refused, but never taken for others."""

import re

import cirq
import numpy as np
import pytest

from qkernels.sampling.execution import Execution, UnknownSubmission, read_counts
from qkernels.sampling.ledger import Ledger
from qkernels.sampling.programs import BadResults
from tests.sampling.faulty import FaultyBackend, Service, assert_bought_once, buy, request

WANTED = request(6)
NAMES = WANTED.measured.program.symbols


@pytest.fixture
def service(tmp_path):
    return Service(tmp_path / "service")


def with_params(results, order=None, values=WANTED.values):
    """Return results with the values of the first chunk, in another order."""
    rows = np.asarray(values())[: len(results)]
    named = [
        cirq.ResultDict(
            params=cirq.ParamResolver(dict(zip(NAMES, row, strict=True))), records=result.records
        )
        for row, result in zip(rows.tolist(), results, strict=True)
    ]
    return [named[i] for i in order or range(len(named))]


def changed(results, change):
    """Return results with other records."""
    return [cirq.ResultDict(records=change(result.records)) for result in results]


def rounded():
    return WANTED.values().astype(np.float32).astype(float)


ALL = [5, 3, 1, 0, 2, 4]
RIGHT = {
    "as they are": list,
    "a tuple": tuple,
    "a generator": iter,
    "with params": with_params,
    "with params in a dict": lambda results: [
        cirq.ResultDict(params=dict(r.params.param_dict), records=r.records)
        for r in with_params(results)
    ],
    "reordered": lambda results: with_params(results, ALL),
    "rounded to single precision": lambda results: with_params(results, None, rounded),
    "rounded and reordered": lambda results: with_params(results, ALL, rounded),
    "rounded to six digits": lambda results: with_params(
        results, None, lambda: WANTED.values().round(6)
    ),
    "booleans": lambda results: changed(results, lambda r: {"m": r["m"].astype(bool)}),
    "another key too": lambda results: changed(results, lambda r: {**r, "n": r["m"]}),
}


@pytest.mark.parametrize("distort", RIGHT.values(), ids=RIGHT)
def test_results_that_can_be_read(service, distort):
    backend = FaultyBackend(service, distort=distort)
    assert_bought_once(buy(None, backend, WANTED), service, WANTED)


@pytest.mark.parametrize("n_rows", [9, 1, 11])
def test_other_numbers_of_rows(service, n_rows):
    """They count as what was asked for, and are what estimates start from."""

    def distort(results):
        return changed(results, lambda r: {"m": np.resize(r["m"], (n_rows, 1, 3))})

    ledger = buy(None, FaultyBackend(service, distort=distort), WANTED)
    assert {c.repetitions for c in read_counts(ledger, WANTED, "paid")} == {n_rows}
    buy(ledger, FaultyBackend(service), WANTED)
    assert len(service.sales()) == 1
    assert ledger.spent() == (60, 0.0)


def wrong_values(results):
    return with_params(results, None, lambda: WANTED.values() + 0.01)


WRONG = {
    "none": (lambda results: None, "expected a list of cirq.Result, got None"),
    "no list": (lambda results: results[0], "expected a list of cirq.Result, got "),
    "other things": (lambda results: [{}] * 6, "expected a list of cirq.Result, got {} in it"),
    "too few": (lambda results: results[:5], "expected 6 results, got 5"),
    "too many": (lambda results: results + results[:1], "expected 6 results, got 7"),
    "no results": (lambda results: [], "expected 6 results, got 0"),
    "another key": (
        lambda results: changed(results, lambda r: {"n": r["m"]}),
        "expected the measurement keys ['m'], got ['n']",
    ),
    "another width": (
        lambda results: changed(results, lambda r: {"m": r["m"][:, :, :2]}),
        "expected at least one repetition of [3] bits, got records of shape [(10, 1, 2)]",
    ),
    "no rows": (
        lambda results: changed(results, lambda r: {"m": r["m"][:0]}),
        "expected at least one repetition of [3] bits, got records of shape [(0, 1, 3)]",
    ),
    "no rows of one point": (
        lambda results: results[:5] + changed(results[5:], lambda r: {"m": r["m"][:0]}),
        "expected at least one repetition of [3] bits, got records of shape [(0, 1, 3)]",
    ),
    "measured twice": (
        lambda results: changed(results, lambda r: {"m": np.repeat(r["m"], 2, axis=1)}),
        "expected at least one repetition of [3] bits, got records of shape [(10, 2, 3)]",
    ),
    "a two": (
        lambda results: changed(results, lambda r: {"m": 2 * r["m"]}),
        "expected bits, got 2",
    ),
    "minus one": (
        lambda results: changed(results, lambda r: {"m": -r["m"].astype(int)}),
        "expected bits, got -1",
    ),
    "halves": (
        lambda results: changed(results, lambda r: {"m": r["m"] / 2}),
        "expected bits, got 0.5",
    ),
    "of other points": (
        wrong_values,
        "expected one result for each point that was sent, got results that name other points",
    ),
    "one point twice": (
        lambda results: with_params(results, [0, 1, 2, 3, 4, 4]),
        "expected one result for each point that was sent, got results that name other points",
    ),
    "params of some only": (
        lambda results: [*with_params(results)[:5], results[5]],
        f"expected values of {', '.join(NAMES)} with each result or with none, got {{}} with "
        "result 5",
    ),
    "params by other names": (
        lambda results: [cirq.ResultDict(params={"x": 1.0}, records=r.records) for r in results],
        f"expected values of {', '.join(NAMES)} with each result or with none, got {{'x': 1.0}} "
        "with result 0",
    ),
    "complex params": (
        lambda results: with_params(results, None, lambda: WANTED.values() + 1j),
        f"expected values of {', '.join(NAMES)} with each result or with none, got ",
    ),
}


@pytest.mark.parametrize(("distort", "message"), WRONG.values(), ids=WRONG)
def test_results_that_cannot_be_read(service, distort, message):
    backend = FaultyBackend(service, distort=distort)
    run = Execution(Ledger(), backend)
    with pytest.raises(BadResults, match=re.escape(message)) as caught:
        run.buy(WANTED)
    assert "None of submission 1 (submitted: " in str(caught.value)
    assert "resolve(1, action=...) decides: 'attach' fetches" in str(caught.value)
    with pytest.raises(UnknownSubmission, match=re.escape(message)):
        run.buy(WANTED)
    assert run.ledger.summary().points == 0
    run.resolve(1, "attach")
    with pytest.raises(BadResults, match=re.escape(message)):
        run.buy(WANTED)
    backend.distort = list
    run.resolve(1, "attach")
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


def test_wrong_results_that_are_bought_anew(service):
    backend = FaultyBackend(service, distort=lambda results: results[:-1])
    run = Execution(Ledger(), backend)
    with pytest.raises(BadResults):
        run.buy(WANTED)
    backend.distort = list
    run.resolve(1, "resubmit")
    run.buy(WANTED)
    assert set(service.sold().values()) == {20}
    assert {c.repetitions for c in read_counts(run.ledger, WANTED, "paid")} == {10}
