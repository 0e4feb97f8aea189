import pytest

from tui.commands import sounding as sound
from tui.controller.intents import SetVolume, UseMicrophone, UseSpeaker
from tui.controller.view import View
from tui.controller.views import (
    AudioView,
    Devices,
    Participant,
    RelayView,
    SoundDevice,
    SpaceView,
)

ANN = "ab" * 32


def view_of(volume: float = 1.0, *, me: bool = False) -> View:
    view = View()
    view.space = SpaceView("h:1", "h", "1", "Name", "joined")
    view.participants[ANN] = Participant(ANN, "Ann", "speaker", volume=volume, me=me)
    return view


def test_the_volume_goes_from_silence_to_the_loudest_and_back() -> None:
    heard = [1.0]
    for up in (False, True):
        while not sound.can_turn(up)(view_of(heard[-1]), ANN):
            asked = sound.louder(up)(view_of(heard[-1]), ANN, "")
            assert isinstance(asked, SetVolume)
            heard.append(asked.gain)
    assert heard == [1, 0.75, 0.5, 0.25, 0.1, 0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4]


@pytest.mark.parametrize(("volume", "up", "then"), [(1.2, True, 1.5), (1.2, False, 1.0)])
def test_a_volume_between_two_steps_goes_to_the_next(volume: float, up: bool, then: float) -> None:
    assert sound.louder(up)(view_of(volume), ANN, "") == SetVolume(ANN, then)


def test_whose_volume_cannot_be_turned() -> None:
    can = sound.can_turn(up=True)
    assert "no space" in can(View(), ANN)
    assert "nobody is selected" in can(view_of(), "")
    assert "nobody here" in can(view_of(), "ff" * 32)
    assert "yourself" in can(view_of(me=True), ANN)
    assert "as loud as can be" in can(view_of(4.0), ANN)
    assert "as quiet as can be" in sound.can_turn(up=False)(view_of(0.0), ANN)


def test_devices_have_a_default_and_nothing_besides_those_that_were_found() -> None:
    view = View()
    view.audio = AudioView("tone:440", "default")
    view.devices = Devices(
        (
            SoundDevice("microphone", "usb", "USB Microphone", default=True),
            SoundDevice("speaker", "hdmi", "HDMI"),
        )
    )
    shown = sound.devices(view)
    assert [(one.kind, one.name) for one in shown] == [
        ("microphone", "default"),
        ("microphone", "usb"),
        ("microphone", "none"),
        ("microphone", "tone:440"),
        ("speaker", "default"),
        ("speaker", "hdmi"),
        ("speaker", "null"),
    ]
    assert shown[0].label == "the system's default: USB Microphone"
    assert [sound.key_of(one) for one in shown if sound.in_use(view, one)] == [
        "microphone:tone:440",
        "speaker:default",
    ]
    assert sound.use_device(view, "microphone:usb", "") == UseMicrophone("usb")
    assert sound.use_device(view, "speaker:null", "") == UseSpeaker("null")
    assert sound.use_device(view, "speaker:gone", "") is None
    assert "no device" in sound.can_use(view, "speaker:gone")


def test_only_relays_that_wait_are_tried_again() -> None:
    view = View()
    view.relays["ws://a"] = RelayView("ws://a", "connecting")
    assert "no relay waits" in sound.can_retry(view)
    view.relays["ws://a"] = RelayView("ws://a", "waiting")
    assert sound.can_retry(view) == ""
