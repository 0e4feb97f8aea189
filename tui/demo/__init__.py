"""`spaces demo`: scripted people on an embedded relay. Needs no key, network or sound card."""


def run(
    people: int,
    seed: int,
    *,
    microphone: str = "default",
    speaker: str = "default",
    name: str = "",
    theme: str = "dark",
) -> int:
    """Show the screens in a demo until the user quits; raises `DemoFailed`."""
    from tui.demo.running import Demo

    with Demo(people, seed, microphone=microphone, speaker=speaker, name=name) as demo:
        demo.start()
        from tui.app import SpacesApp

        app = SpacesApp(demo.connect, theme=theme)
        app.run()
        return app.return_code or 0
