"""A small seeded month of people, proxies and gateways (`benchmarks/month.py`) through the site's own pages."""

from benchmarks.month import prepare, simulate


def test_nobodys_click_is_lost_and_most_hits_are_told_apart(db):
    month = simulate(*prepare(30), seed=4).as_dict()
    assert month["clicks_of_people"] > 10
    assert month["lost"] == 0, "the redirect waits for no judgement"
    clicks, opens = month["clicks"], month["opens"]
    assert clicks["machine"]["hits"] > 40
    assert clicks["machine"]["precision"] >= 0.9
    assert clicks["machine"]["recall"] >= 0.75
    assert clicks["human"]["precision"] >= 0.7
    assert clicks["human"]["recall"] >= 0.75
    assert opens["human"]["precision"] >= 0.9
    assert opens["human"]["recall"] >= 0.6
    assert month["unknown_opens"], "what proxies fetch is said to be neither"
