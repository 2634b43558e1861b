// A Jingle client in a browser: sessions and ICE by stanza.js and the browser's WebRTC.  Call messages (XEP-0353), which
// stanza.js does not have, are written here.  `window.client` takes orders; what happens is told to `window.tell`, and
// what is heard, as 16-bit samples, to `window.hear`: both are made by who opened the page.
const { createClient } = require('stanza');

const MESSAGES = 'urn:xmpp:jingle-message:0';
const HINTS = 'urn:xmpp:hints';
const RTP = 'urn:xmpp:jingle:apps:rtp:1';
const JINGLE = 'urn:xmpp:jingle:1';
const RATE = 16000;

let xmpp;          // the connection
let settings;
let sound;         // the AudioContext
let microphone;    // the MediaStream with our tone, and with a picture if we call with video
let session;       // the Jingle session of the one call that there may be
let proposal;      // {id, to} of a call that we have proposed, or {id, from} of one that was proposed to us
let makesTo;       // the session that our accepted proposal is for

const tell = (event, about = {}) => window.tell(JSON.stringify({ event, ...about }));
const bare = (jid) => jid.split('/')[0];
const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');

function say(to, word, id, inner = '') {
  xmpp.transport.write(
    `<message xmlns="jabber:client" type="chat" to="${escape(to)}" id="${crypto.randomUUID()}">` +
    `<${word} xmlns="${MESSAGES}" id="${escape(id)}">${inner}</${word}><store xmlns="${HINTS}"/></message>`);
}

const reason = (name) => `<reason xmlns="${JINGLE}"><${name}/></reason>`;

async function makeTone(frequency) {
  // Who may use a microphone is shown host candidates as they are, without names of mDNS.
  if (!settings.hides) {
    const permission = await navigator.mediaDevices.getUserMedia({ audio: true });
    permission.getTracks().forEach((track) => track.stop());
  }
  const source = sound.createOscillator();
  source.frequency.value = frequency;
  const volume = sound.createGain();
  volume.gain.value = 0.3;
  const sink = sound.createMediaStreamDestination();
  sink.channelCount = 1;
  source.connect(volume).connect(sink);
  source.start();
  return sink.stream;
}

function makePicture() {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 64;
  const pen = canvas.getContext('2d');
  setInterval(() => { pen.fillStyle = `hsl(${Date.now() / 10 % 360} 100% 50%)`; pen.fillRect(0, 0, 64, 64); }, 100);
  return canvas.captureStream(10).getVideoTracks()[0];
}

function listen(track) {
  if (track.kind !== 'audio') return;
  const stream = new MediaStream([track]);
  // Chromium plays a remote stream into Web Audio only if an element plays it too.
  const player = new Audio();
  player.srcObject = stream;
  player.muted = true;
  player.play().catch((problem) => tell('problem', { text: `cannot play: ${problem}` }));
  const ear = sound.createScriptProcessor(1024, 1, 1);
  ear.onaudioprocess = (event) => {
    const heard = event.inputBuffer.getChannelData(0);
    const samples = new Int16Array(heard.length);
    for (let at = 0; at < heard.length; at++) samples[at] = Math.max(-1, Math.min(1, heard[at])) * 32767;
    window.hear(btoa(String.fromCharCode(...new Uint8Array(samples.buffer))));
  };
  sound.createMediaStreamSource(stream).connect(ear);
  ear.connect(sound.destination);
}

function attend(made) {
  session = made;
  const peer = made.pc;
  peer.addEventListener('connectionstatechange', () => {
    tell('connection', { state: peer.connectionState });
    if (peer.connectionState === 'connected') tell('media');
  });
  peer.addEventListener('iceconnectionstatechange', () => tell('ice', { state: peer.iceConnectionState }));
}

function initiate(to, id) {
  attend(xmpp.jingle.createMediaSession(to, id, microphone));
  session.start({ offerToReceiveAudio: true, offerToReceiveVideo: Boolean(settings.video) });
  tell('initiated', { id, to });
}

function onMessage(stanza) {
  const from = stanza.getAttribute('from');
  for (const element of stanza.children) {
    if (element.namespaceURI !== MESSAGES) continue;
    const word = element.localName;
    const id = element.getAttribute('id');
    const cause = element.getElementsByTagNameNS(JINGLE, 'reason')[0];
    const why = cause && cause.firstElementChild ? cause.firstElementChild.localName : '';
    if (bare(from) === bare(xmpp.jid)) {
      if (from !== xmpp.jid) tell('other', { word, id, from });
      continue;
    }
    tell(word, { id, from, reason: why });
    if (stanza.getAttribute('type') === 'error') continue;
    if (word === 'propose') {
      proposal = { id, from };
      if (settings.ignores) continue;
      say(from, 'ringing', id);
      if (settings.answers) client.accept();
    } else if (word === 'proceed' && makesTo === id) {
      makesTo = undefined;
      initiate(from, id);
    }
  }
}

function onError(stanza) {
  const from = stanza.getAttribute('from');
  const condition = [...stanza.getElementsByTagName('error')].map((error) => error.firstElementChild.localName)[0];
  tell('error', { from, reason: condition || '' });
}

const client = window.client = {
  async start(wanted) {
    settings = wanted;
    sound = new AudioContext({ sampleRate: RATE });
    await sound.resume();
    microphone = await makeTone(settings.tone);
    if (settings.video) microphone.addTrack(makePicture());
    xmpp = createClient({
      jid: settings.jid, password: settings.password, resource: settings.resource,
      server: settings.jid.split('@')[1], transports: { websocket: settings.url, bosh: false },
      useStreamManagement: false, allowResumption: false, autoReconnect: false, sendReceipts: false, chatMarkers: false,
      jingle: { iceServers: [], bundlePolicy: 'max-bundle', trickleIce: true, hasRTCPeerConnection: true,
        advertiseAudio: true, advertiseVideo: false, advertiseFileTransfer: false },
    });
    if (!settings.direct) xmpp.disco.addFeature(MESSAGES);
    xmpp.on('raw:*', (way, text) => tell('stanza', { way: way.includes('incoming') ? 'in' : 'out', text }));
    xmpp.on('raw:incoming', (text) => {
      if (!text.startsWith('<message')) return;
      const stanza = new DOMParser().parseFromString(text, 'text/xml').documentElement;
      if (text.includes(MESSAGES)) onMessage(stanza);
      if (stanza.getAttribute('type') === 'error') onError(stanza);
    });
    xmpp.on('subscribe', (presence) => xmpp.acceptSubscription(presence.from));
    xmpp.on('available', (presence) => tell('available', { from: presence.from }));
    xmpp.on('session:started', async () => {
      await xmpp.getRoster();
      xmpp.updateCaps();
      xmpp.sendPresence({ legacyCapabilities: xmpp.disco.getCaps() });
      for (const contact of settings.contacts) xmpp.subscribe(contact);
      tell('online', { jid: xmpp.jid });
    });
    xmpp.on('auth:failed', () => tell('problem', { text: 'may not log in' }));
    xmpp.on('disconnected', () => tell('offline'));
    xmpp.on('jingle:incoming', (made) => {
      tell('incoming', { id: made.sid, from: made.peerID });
      attend(made);
      made.ring();
      if (settings.answers || made.sid === (proposal || {}).id) client.take();
    });
    xmpp.on('jingle:ringing', () => tell('info', { name: 'ringing' }));
    xmpp.on('jingle:hold', () => tell('info', { name: 'hold' }));
    xmpp.on('jingle:resumed', () => tell('info', { name: 'active' }));
    xmpp.on('jingle:accepted', () => tell('accepted'));
    xmpp.on('jingle:terminated', (made, why) => tell('terminated', { reason: (why && why.condition) || String(why || '') }));
    xmpp.jingle.on('peerTrackAdded', (made, track) => listen(track));
    xmpp.jingle.on('log:error', (...words) => tell('problem', { text: words.map((word) => String(word && word.stack || word)).join(' ') }));
    xmpp.connect();
  },
  call(to) {
    const id = crypto.randomUUID();
    makesTo = id;
    proposal = { id, to };
    const kinds = settings.video ? ['audio', 'video'] : ['audio'];
    say(to, 'propose', id, kinds.map((kind) => `<description xmlns="${RTP}" media="${kind}"/>`).join(''));
    tell('proposed', { id, to });
  },
  initiate(to) { initiate(to, crypto.randomUUID()); },
  retract() {
    makesTo = undefined;
    say(proposal.to, 'retract', proposal.id, reason('cancel'));
  },
  accept() {
    say(bare(xmpp.jid), 'accept', proposal.id);
    say(proposal.from, 'proceed', proposal.id);
    tell('took', { id: proposal.id });
  },
  reject(why) {
    say(bare(xmpp.jid), 'reject', proposal.id, reason(why));
    say(proposal.from, 'reject', proposal.id, reason(why));
  },
  take() {
    for (const track of microphone.getTracks()) session.addTrack(track, microphone);
    session.accept();
    tell('accepting', { id: session.sid });
  },
  refuse(why) { session.end(why); },
  hangup(why) { session.end(why || 'success'); },
  hold() { session.hold(); },
  resume() { session.resume(); },
  restart() { session.restartIce(); },
  press(keys) {
    const sender = session.pc.getSenders().find((each) => each.track && each.track.kind === 'audio');
    if (!sender.dtmf || !sender.dtmf.canInsertDTMF) return tell('problem', { text: 'cannot press keys' });
    sender.dtmf.insertDTMF(keys, 160, 70);
    return tell('pressing', { keys });
  },
  async statistics() {
    const found = {};
    for (const each of (await session.pc.getStats()).values()) {
      if (each.type === 'inbound-rtp') {
        found.in = { packets: each.packetsReceived, lost: each.packetsLost, jitter: each.jitter,
        concealed: each.concealedSamples, samples: each.totalSamplesReceived };
      }
      if (each.type === 'outbound-rtp') found.out = { packets: each.packetsSent };
      if (each.type === 'codec') found.codec = `${each.payloadType} ${each.mimeType}`;
      if (each.type === 'transport') {
        Object.assign(found, { srtp: each.srtpCipher, tls: each.tlsVersion, role: each.dtlsRole, ice: each.iceRole });
      }
      if (each.type === 'candidate-pair' && each.nominated) found.roundTrip = each.currentRoundTripTime;
      if (each.type === 'remote-candidate') found.remote = each.address;
    }
    return found;
  },
  leave() { xmpp.disconnect(); },
};
