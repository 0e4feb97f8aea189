"""`spaces demo`: the screens over simulated people, on this machine alone."""

from tui.cli.arguments import Arguments
from tui.cli.screens import check_terminal
from tui.cli.start import device_specs, set_up
from tui.cli.status import CommandFailed, ExitStatus
from tui.demo import run as run_demo
from tui.demo.lifeline import DemoFailed


def run(arguments: Arguments) -> int:
    """Show the demo until the user quits it."""
    check_terminal()
    setup = set_up(arguments)
    settings = setup.settings
    microphone, speaker = device_specs(settings)
    try:
        return run_demo(
            arguments.people,
            arguments.seed,
            microphone=microphone,
            speaker=speaker,
            name=settings.name,
            theme=settings.theme,
            theme_folders=[setup.paths.themes],
        )
    except DemoFailed as error:
        raise CommandFailed(ExitStatus.CONTROLLER, str(error)) from None
