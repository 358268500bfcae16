"""The token bucket against retry storms."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.core.budget import RetryBudget


def test_a_full_bucket_pays_for_a_hundred_retries() -> None:
    """500 tokens at 5 each, then none."""
    budget = RetryBudget()
    assert [budget.take() for _ in range(101)] == [True] * 100 + [False]
    assert budget.tokens == 0


def test_a_retry_after_a_timeout_costs_twice_as_much() -> None:
    """500 tokens at 10 each."""
    budget = RetryBudget()
    assert [budget.take(timeout=True) for _ in range(51)] == [True] * 50 + [False]


def test_nothing_is_taken_when_it_does_not_suffice() -> None:
    """A refused timeout retry leaves the tokens for a cheaper one."""
    budget = RetryBudget(capacity=9)
    assert not budget.take(timeout=True)
    assert budget.tokens == 9
    assert budget.take()
    assert budget.tokens == 4


def test_clean_successes_pay_back_slowly() -> None:
    """Five good calls earn one retry."""
    budget = RetryBudget(capacity=5)
    assert budget.take()
    for _ in range(4):
        budget.give_back()
        assert not budget.take()
    budget.give_back()
    assert budget.take()


def test_the_bucket_never_overflows() -> None:
    """A long healthy time does not buy a storm."""
    budget = RetryBudget(capacity=7, refund=5)
    budget.give_back()
    assert budget.tokens == 7


def test_capacity_zero_allows_no_retry() -> None:
    """An empty bucket is the switch to turn retries off."""
    budget = RetryBudget(capacity=0)
    budget.give_back()
    assert not budget.take()


@pytest.mark.parametrize("workers", [8])
def test_threads_never_take_more_than_there_is(workers: int) -> None:
    """No token is spent twice under contention, and none is lost."""
    budget = RetryBudget(capacity=1000, cost=1)

    def work(_: int) -> int:
        return sum(budget.take() for _ in range(500))

    with ThreadPoolExecutor(workers) as pool:
        assert sum(pool.map(work, range(workers))) == 1000
    assert budget.tokens == 0


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["take", "timeout", "give"])), st.integers(0, 50))
def test_tokens_stay_between_zero_and_capacity(steps: list[str], capacity: int) -> None:
    """Whatever happens, and each answer agrees with the amount."""
    budget = RetryBudget(capacity=capacity)
    for step in steps:
        before = budget.tokens
        if step == "give":
            budget.give_back()
            assert budget.tokens == min(capacity, before + 1)
        else:
            cost = 10 if step == "timeout" else 5
            assert budget.take(timeout=step == "timeout") == (before >= cost)
            assert budget.tokens == (before - cost if before >= cost else before)
