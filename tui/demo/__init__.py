"""`spaces demo`: scripted people on an embedded relay. Needs no key, network or sound card."""

import logging
import os
from collections.abc import Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path


def run(
    people: int,
    seed: int,
    *,
    microphone: str = "default",
    speaker: str = "default",
    name: str = "",
    theme: str = "dark",
    theme_folders: Iterable[Path] = (),
) -> int:
    """Show the screens in a demo until the user quits; raises `DemoFailed`."""
    from tui.demo.running import Demo

    with Demo(people, seed, microphone=microphone, speaker=speaker, name=name) as demo:
        demo.start()  # its processes load while the screens do
        _log_to_file()
        from tui.app import SpacesApp

        app = SpacesApp(
            demo.connect, theme=theme, theme_folders=theme_folders, controller_stays=False
        )
        app.run()
        return app.return_code or 0


def _log_to_file() -> None:
    """Keep what libraries complain about off the screens, which are drawn on stderr."""
    from tui.config import limits
    from tui.config.logs import Redacting, open_log, start_logging
    from tui.demo.lifeline import log_file

    path = log_file("screens")
    os.close(open_log(path))
    log = RotatingFileHandler(path, maxBytes=limits.LOG_FILE_BYTES, backupCount=1, encoding="utf-8")
    log.setFormatter(Redacting("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    start_logging(log, logging.INFO)
