import msgspec

from tui.controller.intents import (
    ListDevices,
    RetryRelays,
    SetVolume,
    UseMicrophone,
    UseSpeaker,
)
from tui.controller.views import (
    AudioView,
    Devices,
    LinkQuality,
    Quality,
    SoundDevice,
)
from tui.devtools import samples

ANN = samples.key_of("Amina Okafor")
DEVICES = Devices(
    (
        SoundDevice("microphone", "usb", "USB Microphone"),
        SoundDevice("speaker", "alsa.hdmi", "HDMI Output", default=True),
    )
)


async def test_the_volume_keys_are_about_the_person_under_the_cursor(start) -> None:
    async with start(samples.space()) as ui:
        await ui.point_at("Luca")
        await ui.press("plus", "minus", "equals_sign")
        luca = samples.key_of("Luca")
        await ui.asked(SetVolume(luca, 1.5), SetVolume(luca, 0.75), SetVolume(luca, 1.5))
        ui.change_person("Luca", volume=1.5)
        await ui.see("Luca ★ 150 %")
        ui.change_person("Luca", volume=1.0)
        await ui.see_not("150 %")


async def test_nobody_turns_up_their_own_volume(start) -> None:
    async with start(samples.space("speaker")) as ui:
        await ui.point_at("Samuel")
        await ui.press("plus")
        await ui.see("you are not played to yourself")
        assert ui.intents == []


async def test_devices_are_looked_for_and_chosen(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("D")
        await ui.see("looking for devices", "● microphone", "the system's default  in use")
        ui.change(devices=DEVICES)
        await ui.see("USB Microphone", "the system's default: HDMI Output  in use")
        await ui.see_not("looking for devices")
        await ui.press("down", "enter")
        await ui.until(lambda: ui.intents[1:] == [UseMicrophone("usb")])
        ui.change(audio=AudioView("usb", "default"))
        await ui.see("USB Microphone  in use")
        await ui.press("end", "enter")
        await ui.asked(ListDevices(), UseMicrophone("usb"), UseSpeaker("null"))
        await ui.press("escape")
        await ui.until(lambda: ui.place == "space")


async def test_a_device_that_does_not_work_says_so_where_it_is_chosen(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("D")
        ui.change(devices=Devices(problem="PortAudio is missing (apt install libportaudio2)"))
        await ui.see("PortAudio is missing", "none, only listen")


async def test_all_connections_with_their_numbers(start) -> None:
    quality = Quality(
        badge="fair",
        worst="loss",
        loss=0.05,
        round_trip=0.04,
        depth=2,
        outputs_used=1,
        outputs_max=8,
        parent=ANN,
        standby=samples.key_of("Luca"),
        links=(
            LinkQuality(ANN, "parent", "fair", 0.05, 0.04, 0.005),
            LinkQuality(samples.key_of("Luca"), "standby", "good", 0.0, 0.12, 0.0, relayed=True),
            LinkQuality(samples.key_of("ada"), "child", "poor", 0.2, None, 0.01),
        ),
    )
    async with start(msgspec.structs.replace(samples.space(), quality=quality)) as ui:
        await ui.press("C")
        await ui.see("▄ fair, 5 % lost", "2 hops to the host · you send to 1 of at most 8")
        await ui.see("in reserve: Luca", "▄ fair  you hear", "5 % lost · RTT 40 ms · jitter 5 ms")
        await ui.see("▆ good  reserve", "RTT 120 ms · jitter 0 ms · TURN")
        await ui.see("▂ poor  hears you", "20 % lost · jitter 10 ms")
        ui.change(quality=Quality())
        await ui.see("nothing to measure yet", "Nobody is connected.")


async def test_relays_are_tried_at_once_where_one_waits(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("t")
        await ui.asked(RetryRelays())
