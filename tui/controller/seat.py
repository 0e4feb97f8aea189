"""What may be asked for by somebody in a space: each intent has its check and its refusal.

A refusal says who may do it, or what is in the way. What is checked here is checked again, by
everybody, from the signed events: this is for the user's eyes.
"""

from collections.abc import Callable
from pathlib import Path

from tui.controller import intents
from tui.controller.intents import AnyIntent
from tui.controller.refusal import Refusal, require
from tui.spaces.chat import ChatRefused
from tui.spaces.events import is_pubkey
from tui.spaces.roles import Role
from tui.spaces.session import SpaceSession


def take_part(intent: AnyIntent, session: SpaceSession) -> None:
    """Carry out an intent in the present space; raises `Refusal`."""
    match intent:
        case intents.LeaveSpace():
            session.leave()
        case intents.ShowRoster():
            session.show_roster(intent.on)
        case intents.CloseSpace() | intents.Lock() | intents.PromoteCohost():
            _host(intent, session)
        case intents.Mute():
            require(intent.on or session.role.speaks, "you are not on stage")
            session.mute(intent.on)
        case intents.Chat():
            _joined(session)
            _say(lambda: session.chat.say(intent.text))
        case intents.React():
            _joined(session)
            _say(lambda: session.chat.react(intent.emoji))
        case intents.Record() | intents.StopRecording() | intents.RefuseRecording():
            _record(intent, session)
        case (
            intents.RequestSpeech()
            | intents.LowerHand()
            | intents.AcceptInvite()
            | intents.DeclineInvite()
        ):
            _speak(intent, session)
        case _:
            _moderate(intent, session)


def _speak(intent: AnyIntent, session: SpaceSession) -> None:
    """What somebody asks or answers for themselves."""
    match intent:
        case intents.RequestSpeech():
            require(not session.role.speaks, "you are on stage already")
            _joined(session)
            session.request_speech()
        case intents.LowerHand():
            require(session.hand_up, "your hand is not up")
            session.withdraw_speech()
        case intents.AcceptInvite():
            require(session.proposal is not None, "nobody asks you to speak")
            session.accept_invite()
        case intents.DeclineInvite():
            require(session.proposal is not None, "nobody asks you to speak")
            session.decline_invite()


def _record(intent: AnyIntent, session: SpaceSession) -> None:
    """What is, and what is not, to be recorded: for everybody, since everybody sees it."""
    match intent:
        case intents.Record():
            _joined(session)
            require(not session.recording.busy, "you record already")
            session.recording.start(_folder(intent.folder), separate=intent.separate)
        case intents.StopRecording():
            require(session.recording.busy, "you record nothing")
            session.recording.stop()
        case intents.RefuseRecording():
            session.recording.refuse(intent.on)


def _host(intent: AnyIntent, session: SpaceSession) -> None:
    """What the host alone does."""
    match intent:
        case intents.CloseSpace():
            _only_host(session, "closes a space")
            session.close()
        case intents.Lock():
            _only_host(session, "locks a space")
            session.lock(intent.on)
        case intents.PromoteCohost():
            _only_host(session, "makes co-hosts")
            _here(session, intent.pubkey)
            require(session.state.role_of(intent.pubkey) < Role.COHOST, "moderates already")
            session.promote_cohost(intent.pubkey)


def _moderate(intent: AnyIntent, session: SpaceSession) -> None:
    """What the host and co-hosts do."""
    state = session.state
    match intent:
        case intents.PromoteSpeaker():
            _only_moderators(session, "let people on stage")
            _here(session, intent.pubkey)
            require(not state.role_of(intent.pubkey).speaks, "on stage already")
            session.promote(intent.pubkey)
        case intents.Demote():
            _demote(intent.pubkey or session.me, intent.reason, session)
        case intents.Deny():
            _only_moderators(session, "turn hands down")
            require(intent.pubkey in session.queue, "that hand is not up")
            session.deny(intent.pubkey, intent.reason)
        case intents.Defer():
            _only_moderators(session, "have a queue to order")
            require(intent.pubkey in session.queue, "that hand is not up")
            session.defer(intent.pubkey)
        case intents.Invite():
            _only_moderators(session, "invite people")
            _somebody_else(session, intent.pubkey, "you are on stage already")
            require(not state.role_of(intent.pubkey).speaks, "on stage already")
            require(not state.is_barred(intent.pubkey), "was removed: pardon them first")
            session.invite(intent.pubkey, intent.message)
        case intents.Remove():
            _only_moderators(session, "remove people")
            _somebody_else(session, intent.pubkey, "leave the space instead")
            _below(session, intent.pubkey, "removes a co-host")
            require(not state.is_barred(intent.pubkey), "was removed already")
            session.remove(intent.pubkey, intent.reason)
        case intents.Pardon():
            _only_moderators(session, "pardon people")
            require(state.is_barred(intent.pubkey), "this person was not removed")
            session.pardon(intent.pubkey)
        case intents.AskMute():
            _only_moderators(session, "mute people")
            _somebody_else(session, intent.pubkey, "mute yourself instead")
            _below(session, intent.pubkey, "mutes a co-host")
            require(state.role_of(intent.pubkey).speaks, "not on stage")
            session.ask_mute(intent.pubkey)
        case intents.MuteAll():
            _only_moderators(session, "mute everybody")
            session.ask_mute()
        case intents.Undo():
            require(bool(session.undoable) and session.undo(), "there is nothing to undo")
        case _:
            raise Refusal("nobody here carries that out")


def _demote(target: str, reason: str, session: SpaceSession) -> None:
    require(target != session.space.host, "the host closes the space instead")
    if target == session.me:
        require(session.role.speaks, "you are not on stage")
    else:
        _only_moderators(session, "take people off stage")
        require(is_pubkey(target), "that is no pubkey")
        _below(session, target, "takes a co-host off stage")
        speaks = session.state.role_of(target).speaks
        require(speaks or target in session.queue, "not on stage, and no hand is up")
    session.demote(target, reason)


def _folder(text: str) -> Path:
    """Where recordings go."""
    try:
        folder = Path(text).expanduser() if text else Path.home() / "spaces-recordings"
    except RuntimeError:  # `~somebody` unknown, or nobody's home
        raise Refusal("that is no folder") from None
    require("\0" not in text, "that is no folder")
    require(folder.is_absolute(), "the folder must be absolute: the controller has none of its own")
    return folder


def _only_host(session: SpaceSession, act: str) -> None:
    require(session.me == session.space.host, f"only the host {act}")


def _only_moderators(session: SpaceSession, act: str) -> None:
    require(session.role >= Role.COHOST, f"only the host and co-hosts {act}")


def _below(session: SpaceSession, target: str, act: str) -> None:
    """The target must not be the host, nor a co-host unless we are the host."""
    require(target != session.space.host, "nobody does that to the host")
    if session.state.role_of(target) >= Role.COHOST:
        _only_host(session, act)


def _somebody_else(session: SpaceSession, target: str, otherwise: str) -> None:
    require(is_pubkey(target), "that is no pubkey")
    require(target != session.me, otherwise)


def _here(session: SpaceSession, target: str) -> None:
    require(session.is_present(target), "nobody here has this key")


def _joined(session: SpaceSession) -> None:
    require(session.stage == "joined", "you have not joined yet")


def _say(send: Callable[[], object]) -> None:
    try:
        send()
    except ChatRefused as error:
        raise Refusal(str(error)) from None
