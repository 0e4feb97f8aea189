// A plain WebRTC peer: one oscillator as its microphone, an analyser for each track that it hears.
"use strict";

class Plain {
  constructor(hertz) {
    this.context = new AudioContext();
    this.pc = new RTCPeerConnection({ iceServers: [] });
    this.analysers = [];
    this.candidates = [];
    this.pc.onicecandidate = ({ candidate }) => this.candidates.push(candidate?.toJSON() ?? null);
    this.pc.ontrack = ({ track }) => this.listen(track);
    const oscillator = new OscillatorNode(this.context, { frequency: hertz });
    const gain = new GainNode(this.context, { gain: 0.4 });
    const microphone = this.context.createMediaStreamDestination();
    oscillator.connect(gain).connect(microphone);
    oscillator.start();
    this.track = microphone.stream.getAudioTracks()[0];
  }

  async offer(more = 0) {
    this.pc.addTrack(this.track);
    for (let slot = 0; slot < more; slot++) this.pc.addTransceiver("audio", { direction: "recvonly" });
    await this.pc.setLocalDescription();
    return this.pc.localDescription.sdp;
  }

  async answer(sdp) {
    this.pc.addTrack(this.track);
    await this.pc.setRemoteDescription({ type: "offer", sdp });
    await this.pc.setLocalDescription();
    return this.pc.localDescription.sdp;
  }

  async accept(sdp) {
    await this.pc.setRemoteDescription({ type: "answer", sdp });
  }

  listen(track) {
    const stream = new MediaStream([track]);
    const element = new Audio(); // a remote track is decoded only while an element plays it
    element.srcObject = stream;
    element.muted = true;
    element.play();
    const analyser = new AnalyserNode(this.context, { fftSize: 4096 });
    this.context.createMediaStreamSource(stream).connect(analyser);
    this.analysers.push(analyser);
  }

  // The strongest frequency of each track, 0 for a silent one.
  heard() {
    return this.analysers.map((analyser) => {
      const bins = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(bins);
      const peak = bins.indexOf(Math.max(...bins));
      return bins[peak] > -50 ? (peak * this.context.sampleRate) / analyser.fftSize : 0;
    });
  }

  async inbound() {
    const reports = [...(await this.pc.getStats()).values()];
    return reports.filter(({ type }) => type === "inbound-rtp");
  }

  async outbound() {
    const reports = [...(await this.pc.getStats()).values()];
    return reports.filter(({ type }) => type === "remote-inbound-rtp");
  }
}
