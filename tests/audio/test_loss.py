import pytest

pytestmark = pytest.mark.needs("espeak-ng")


def test_clean_network_costs_nothing_but_its_delay(over_network):
    heard = over_network(loss=0.0, jitter=0.0)
    assert heard["concealed"] == heard["missing"] == heard["hole"] == 0
    assert heard["stoi"] > 0.995
    assert heard["late"] <= 31  # ms: one frame of waiting, and up to a block until the card asks


def test_one_lost_packet_in_twenty_is_hardly_heard(over_network):
    heard = over_network(loss=0.05)
    assert heard["missing"] == 0
    assert heard["concealed"] <= 1
    assert heard["stoi"] > 0.98


def test_packets_asked_for_again_close_the_rest(over_network):
    heard = over_network(loss=0.05, round_trip=0.04)
    assert heard["missing"] == 0
    assert heard["concealed"] <= 0.5


def test_one_lost_packet_in_ten_leaves_no_hole(over_network):
    heard = over_network(loss=0.1)
    assert heard["hole"] <= 60
    assert heard["stoi"] >= 0.97


def test_one_lost_packet_in_five_can_be_listened_to(over_network):
    heard = over_network(loss=0.2)
    assert heard["hole"] <= 60
    assert heard["concealed"] <= 10
    assert heard["missing"] <= 0.5
    assert heard["stoi"] > 0.9
