"""The synthetic source: as many rows, as much lateness and as much drift as is asked for."""

from datetime import date

import pytest
from sklearn.linear_model import LogisticRegression

from flights import contract
from flights.synthetic import DRIFT_STARTS, generate
from galley.errors import ParameterError

MONDAY = date(2026, 11, 23)


def test_the_same_day_gives_the_same_bytes_and_another_day_others():
    assert generate(MONDAY).data.to_csv() == generate(MONDAY).data.to_csv()
    assert not generate(MONDAY).data["wind_speed"].equals(generate(date(2026, 11, 24)).data["wind_speed"])


@pytest.mark.parametrize("day", [date(1999, 1, 1), MONDAY, date(2028, 2, 29)])
@pytest.mark.parametrize("drift", [-0.05, 0.0, 0.05])
def test_a_day_keeps_to_the_contract_however_far_it_drifted(day, drift):
    batch = generate(day, drift=drift)
    contract.DATA.check_pair(
        contract.DATA.check(batch.data, "data.csv"), contract.LABELS.check(batch.target, "target.csv"), "both"
    )


@pytest.mark.parametrize("late_share", [0.0, 0.05, 0.5, 1.0])
def test_the_asked_share_is_late(late_share):
    assert generate(MONDAY, rows=200, late_share=late_share).target["late"].mean() == late_share


def test_as_many_flights_as_asked_each_with_its_own_id():
    assert generate(MONDAY, rows=7).data["flight_id"].nunique() == 7


def test_drift_moves_the_wind_with_the_days():
    near, far = (generate(date(2027, month, 1), drift=0.01).data["wind_speed"].mean() for month in (1, 12))
    assert far > near + 5


def test_without_drift_the_days_differ_by_chance_only():
    near, far = (generate(date(2027, month, 1)).data["wind_speed"].mean() for month in (1, 12))
    assert abs(far - near) < 20


def test_drift_turns_what_makes_a_flight_late():
    def weight_of_the_hour(day):
        batch = generate(day, rows=5000, drift=0.01)
        features = batch.data[["hour", "wind_speed"]]
        return LogisticRegression(max_iter=1000).fit(features, batch.target["late"]).coef_[0][0]

    assert weight_of_the_hour(DRIFT_STARTS) > 2 * abs(weight_of_the_hour(date(2026, 6, 7)))


@pytest.mark.parametrize("asked", [{"rows": 0}, {"late_share": -0.1}, {"late_share": 1.1}])
def test_a_day_that_cannot_be_is_refused(asked):
    with pytest.raises(ParameterError, match="at least 1 row and a share from 0 to 1"):
        generate(MONDAY, **asked)
