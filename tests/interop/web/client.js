// An ordinary web client of the Nostr Spaces draft: plain JSON signalling, one track, no data
// channel, nothing of ours. `new Client(...)`, then `create` or `join`, `requestSpeech`, `heard`,
// and for who may: `promote`, `demote`, `remove`.
"use strict";

const KIND = {
  create: 1000, close: 1001, remove: 31106, cohost: 31108, join: 31101, leave: 31102, reserve: 31103, confirm: 31104, drop: 31105,
  promote: 31107, demote: 31109, offer: 21102, answer: 21103, ice: 21104, request: 21105,
};

class Client {
  constructor(url, host, space) {
    this.secret = NostrTools.generateSecretKey();
    this.me = NostrTools.getPublicKey(this.secret);
    Object.assign(this, { url, space, host: host ?? this.me });
    this.role = this.host === this.me ? "host" : "listener";
    this.parent = null; // whom to listen to; the host, unless said
    this.hands = [];
    this.ended = "";
    this.ahead = 0; // seconds by which our clock is
    this.pending = new Map(); // pubkey -> { type, asking, pc?, candidates }
    this.connections = new Map(); // pubkey -> RTCPeerConnection
    this.dated = new Map(); // d -> the second of our last event with it
    this.analysers = [];
    this.log = [];
    this.context = new AudioContext();
  }

  // A space of our own.
  async create(name) {
    this.relay = await NostrTools.Relay.connect(this.url);
    const host = { publicKey: this.me, networkMetrics: {} };
    await this.say(KIND.create, { id: this.space, name, host }, []);
    return this.join(name, 3);
  }

  async join(name, maxAudioOutputs = 0) {
    this.relay ??= await NostrTools.Relay.connect(this.url);
    const since = Math.floor(Date.now() / 1000) - 5;
    const here = { "#s": [this.space], since };
    const ofAll = [KIND.request, KIND.close];
    this.relay.subscribe([
      { kinds: Object.values(KIND), "#p": [this.me], ...here }, { kinds: ofAll, ...here },
    ], {
      onevent: (event) => this.handle(event).catch((error) => this.log.push(String(error))),
    });
    const metrics = { downloadSpeedKbps: "5000", uploadSpeedKbps: 1000, maxAudioOutputs };
    await this.say(KIND.join, { name, publicKey: this.me, networkMetrics: metrics }, [
      ["d", [this.space, this.host, this.me].join("||")],
    ]);
    if (this.role !== "host") await this.ask(this.parent ?? this.host, "consumer");
    return this.me;
  }

  promote(other) { return this.act(KIND.promote, other); }
  demote(other) { return this.act(KIND.demote, other); }
  remove(other, reason) { return this.act(KIND.remove, other, { reason }); }

  async act(kind, other, content = "") {
    await this.say(kind, content, [
      ["p", other], ["d", [this.space, this.host, other].join("||")],
    ]);
  }

  speaks() { return this.role !== "listener"; }

  async requestSpeech() {
    await this.say(KIND.request, "", []); // no `p`, no `d`: so some clients write it
  }

  async say(kind, content, tags) {
    // Of two events with one d and second a relay keeps only one: the later one is dated later.
    const d = tags.find(([name]) => name === "d")?.[1] ?? "";
    const now = Math.floor(Date.now() / 1000) + this.ahead;
    const created_at = Math.max(now, (this.dated.get(d) ?? 0) + !!d);
    this.dated.set(d, created_at);
    const event = NostrTools.finalizeEvent({
      kind,
      created_at,
      content: typeof content === "string" ? content : JSON.stringify(content),
      tags: [["s", this.space], ["h", this.host], ["webrtc", "spaces"], ...tags],
    }, this.secret);
    await this.relay.publish(event);
  }

  async ask(other, type) {
    this.pending.set(other, { type, asking: true, candidates: [] });
    await this.say(KIND.reserve, { type }, [
      ["p", other], ["d", [this.space, this.host, this.me, other].join("||")],
    ]);
  }

  async handle(event) {
    const from = event.pubkey;
    const content = event.content ? JSON.parse(event.content) : {};
    const pending = this.pending.get(from);
    this.log.push(`${event.kind} from ${from.slice(0, 8)}`);
    switch (event.kind) {
      case KIND.promote:
      case KIND.cohost:
        this.role = event.kind === KIND.cohost ? "cohost" : "speaker";
        await this.ask(this.host, "mutual");
        break;
      case KIND.drop:
        if (pending && !pending.pc) this.pending.delete(from);
        this.connections.get(from)?.close();
        this.connections.delete(from);
        break;
      case KIND.demote:
        this.role = "listener";
        await this.ask(this.host, "consumer");
        break;
      case KIND.remove:
        this.leave(`removed: ${content.reason ?? ""}`);
        break;
      case KIND.close:
        if (from === this.host) this.leave("closed");
        break;
      case KIND.request:
        if (from !== this.me) this.hands.push(from);
        break;
      case KIND.reserve:
        if (pending?.asking && pending.type === "mutual" && this.me < from) break;
        this.pending.set(from, { type: content.type, asking: false, candidates: [] });
        await this.say(KIND.confirm, content, [
          ["p", from], ["d", [this.space, this.host, from, this.me].join("||")],
        ]);
        break;
      case KIND.confirm:
        if (pending?.asking && !pending.pc) {
          const pc = this.connect(from, pending);
          await pc.setLocalDescription();
          const { type, sdp } = pc.localDescription;
          await this.say(KIND.offer, { sdp: { type, sdp } }, [["p", from]]);
        }
        break;
      case KIND.offer:
        if (pending && !pending.asking) {
          const pc = this.connect(from, pending);
          await pc.setRemoteDescription({ type: "offer", sdp: content.sdp });
          for (const transceiver of pc.getTransceivers()) transceiver.direction = "sendrecv";
          await pc.setLocalDescription();
          await this.say(KIND.answer, { sdp: pc.localDescription.sdp }, [["p", from]]);
          this.flush(pending);
        }
        break;
      case KIND.answer:
        if (pending?.pc) {
          await pending.pc.setRemoteDescription({ type: "answer", sdp: content.sdp });
          this.flush(pending);
        }
        break;
      case KIND.ice: {
        const found = [content.ice].flat();
        if (pending?.pc?.remoteDescription) for (const c of found) await pending.pc.addIceCandidate(c);
        else pending?.candidates.push(...found);
        break;
      }
    }
  }

  leave(why) {
    this.ended = why;
    for (const pc of this.connections.values()) pc.close();
    this.connections.clear();
  }

  flush(pending) {
    for (const candidate of pending.candidates.splice(0)) pending.pc.addIceCandidate(candidate);
  }

  connect(other, pending) {
    const pc = new RTCPeerConnection({ iceServers: [] });
    pending.pc = pc;
    const track = this.speaks() ? this.microphone() : null;
    if (pending.asking) {
      if (track) pc.addTrack(track);
      else for (let slot = 0; slot < 2; slot++) pc.addTransceiver("audio", { direction: "recvonly" });
    } else if (track) pc.addTrack(track);
    pc.ontrack = (event) => this.listen(event.track);
    pc.onicecandidate = ({ candidate }) => {
      if (candidate) this.say(KIND.ice, { ice: candidate.toJSON() }, [["p", other]]);
    };
    pc.onconnectionstatechange = () => {
      this.log.push(`${other.slice(0, 8)} ${pc.connectionState}`);
      if (pc.connectionState === "connected") {
        const before = this.connections.get(other);
        if (before && before !== pc) before.close();
        this.connections.set(other, pc);
      }
    };
    return pc;
  }

  microphone() {
    const oscillator = new OscillatorNode(this.context, { frequency: 660 });
    const gain = new GainNode(this.context, { gain: 0.4 });
    const sink = this.context.createMediaStreamDestination();
    oscillator.connect(gain).connect(sink);
    oscillator.start();
    return sink.stream.getAudioTracks()[0];
  }

  listen(track) {
    const stream = new MediaStream([track]);
    const element = new Audio(); // Chromium decodes a remote track only while an element plays it
    element.srcObject = stream;
    element.muted = true;
    element.play().catch((error) => this.log.push(String(error)));
    const analyser = new AnalyserNode(this.context, { fftSize: 4096 });
    this.context.createMediaStreamSource(stream).connect(analyser);
    this.analysers.push(analyser);
  }

  // The strongest frequencies heard now, loud tracks only.
  heard() {
    return this.analysers.map((analyser) => {
      const bins = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(bins);
      const peak = bins.indexOf(Math.max(...bins));
      return { hertz: (peak * this.context.sampleRate) / analyser.fftSize, decibels: bins[peak] };
    }).filter(({ decibels }) => decibels > -50).map(({ hertz }) => Math.round(hertz));
  }
}
