"""Budgets: what may be spent of a ledger, checked before anything is submitted."""

import re

import numpy as np
import pytest

from qkernels.sampling.budget import Budget, BudgetExceeded
from qkernels.sampling.ledger import Ledger
from tests.sampling.faulty import PROGRAM, FaultyBackend, Service, buy, request

WANTED = request(10)


@pytest.fixture
def service(tmp_path):
    return Service(tmp_path / "service")


def price(circuit, repetitions):
    assert circuit == PROGRAM.circuit
    return 0.3 + 0.01 * repetitions


def test_prices_are_recorded(service):
    ledger = buy(None, FaultyBackend(service), WANTED, budget=Budget(price=price))
    repetitions, cost = ledger.spent()
    assert repetitions == 100
    assert cost == pytest.approx(10 * 0.4)
    assert str(ledger.summary()).endswith("repetitions: 100 for 4")
    buy(ledger, FaultyBackend(service), request(10, 30), budget=Budget(price=price))
    assert ledger.spent()[1] == pytest.approx(4 + 10 * 0.5)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (
            Budget(repetitions=99),
            "expected at most 99 repetitions in all, got 0 spent and 100 more needed; nothing of "
            "it was submitted",
        ),
        (
            Budget(cost=3.9, price=price),
            "expected at most 3.9 of cost in all, got 0 spent and 4 more needed; nothing",
        ),
        (Budget(repetitions=100, cost=3.9, price=price), "expected at most 3.9 of cost in all"),
    ],
)
def test_nothing_is_submitted_if_all_of_it_is_too_much(service, budget, message):
    ledger, backend = Ledger(), FaultyBackend(service)
    with pytest.raises(BudgetExceeded, match=re.escape(message)):
        buy(ledger, backend, WANTED, points_per_chunk=2, budget=budget)
    assert not backend.calls
    assert ledger.submissions() == []
    assert ledger.spent() == (0, 0.0)


def test_all_that_the_ledger_spent_counts(service):
    ledger = buy(None, FaultyBackend(service), WANTED)
    message = "expected at most 150 repetitions in all, got 100 spent and 60 more needed"
    with pytest.raises(BudgetExceeded, match=message):
        buy(ledger, FaultyBackend(service), request(6, seed=1), budget=Budget(repetitions=150))
    buy(ledger, FaultyBackend(service), request(5, seed=1), budget=Budget(repetitions=150))
    # What is here costs nothing.
    buy(ledger, FaultyBackend(service), WANTED, budget=Budget(repetitions=1))


def test_a_budget_may_be_used_up(service):
    def tenth(circuit, repetitions):
        return 0.1

    budget = Budget(repetitions=100, cost=1.0, price=tenth)
    ledger = buy(None, FaultyBackend(service), WANTED, points_per_chunk=1, budget=budget)
    assert ledger.spent() == (100, pytest.approx(1.0))


def test_a_price_for_each_number_of_repetitions(service):
    asked = []

    def price(circuit, repetitions):
        asked.append(repetitions)
        return float(repetitions > 10)

    wanted = WANTED.asking_for(np.array([10] * 7 + [20] * 3))
    ledger = buy(None, FaultyBackend(service), wanted, budget=Budget(cost=3, price=price))
    assert ledger.spent() == (130, 3.0)
    assert set(asked) == {10, 20}


@pytest.mark.parametrize("wrong", [None, "1", -0.1, np.nan, np.inf, 1j])
def test_prices_that_are_none(service, wrong):
    budget = Budget(price=lambda circuit, repetitions: wrong)
    message = re.escape(f"price: expected a number of at least 0 for 10 repetitions, got {wrong!r}")
    if wrong == "1":
        assert budget.price_of(PROGRAM.circuit, 10) == 1.0
        return
    ledger = Ledger()
    with pytest.raises(ValueError, match=message):
        buy(ledger, FaultyBackend(service), WANTED, budget=budget)
    assert ledger.submissions() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"repetitions": 0}, "repetitions: expected None or a positive number, got 0"),
        ({"repetitions": -5}, "repetitions: expected None or a positive number, got -5"),
        ({"repetitions": "many"}, "repetitions: expected None or a positive number, got 'many'"),
        ({"repetitions": True}, "repetitions: expected None or a positive number, got True"),
        ({"cost": float("nan")}, "cost: expected None or a positive number, got nan"),
        ({"price": 0.3}, "price: expected None or a function, got 0.3"),
        ({"cost": 5.0}, r"expected price=\.\.\. with cost=5\.0, got no price"),
    ],
)
def test_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Budget(**arguments)


def test_no_limits(service):
    ledger = buy(None, FaultyBackend(service), WANTED, budget=Budget())
    assert ledger.spent() == (100, 0.0)
