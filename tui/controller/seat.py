"""What may be asked for by somebody in a space: each intent has its check and its refusal."""

from tui.controller import intents
from tui.controller.intents import AnyIntent
from tui.controller.refusal import require
from tui.spaces import codec
from tui.spaces.session import SpaceSession


def take_part(intent: AnyIntent, session: SpaceSession) -> None:
    """Carry out an intent in the present space; raises `Refusal`."""
    hosting = session.me == session.space.host
    match intent:
        case intents.LeaveSpace():
            session.leave()
        case intents.CloseSpace():
            require(hosting, "only the host closes a space")
            session.close()
        case intents.RequestSpeech():
            require(not session.role.speaks, "you are on stage already")
            require(session.stage == "joined", "you have not joined yet")
            session.request_speech()
        case intents.LowerHand():
            require(session.hand_up, "your hand is not up")
            session.withdraw_speech()
        case intents.PromoteSpeaker():
            require(hosting, "only the host lets people on stage")
            require(session.is_present(intent.pubkey), "nobody here has this key")
            require(not session.state.role_of(intent.pubkey).speaks, "on stage already")
            session.promote(intent.pubkey)
        case intents.Demote():
            target = intent.pubkey or session.me
            require(codec.is_pubkey(target), "that is no pubkey")
            require(hosting or target == session.me, "only the host takes people off stage")
            require(target != session.space.host, "the host closes the space instead")
            require(hosting or session.role.speaks, "you are not on stage")
            session.demote(target)
        case intents.Mute():
            require(intent.on or session.role.speaks, "you are not on stage")
            session.mute(intent.on)
