"""
Jingle's contents and SDP, one made of the other (XEP-0167, XEP-0176, XEP-0320); for aiortc, with one audio content.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

NS_JINGLE = "urn:xmpp:jingle:1"
NS_RTP = "urn:xmpp:jingle:apps:rtp:1"
NS_ICE = "urn:xmpp:jingle:transports:ice-udp:1"
NS_DTLS = "urn:xmpp:jingle:apps:dtls:0"
NS_BUNDLE = "urn:xmpp:jingle:apps:grouping:0"

_CANDIDATE = ("foundation", "component", "protocol", "priority", "ip", "port")


class Unusable(Exception):
    """There is no audio content that we understand."""


def tag(namespace: str, name: str) -> str:
    """As ElementTree names it."""
    return f"{{{namespace}}}{name}"


def toJingle(sdp: str, action: str, sid: str, content: str = "") -> Element:
    """
    What C{sdp} says of its audio.

    @param content: the name of the content, if that is known already.
    """
    lines = [line.partition("=")[::2] for line in sdp.splitlines()]
    attributes = [value.partition(":")[::2] for letter, value in lines if letter == "a"]
    first = dict(reversed(attributes))
    media = next(value.split() for letter, value in lines if letter == "m")
    name = content or first.get("mid", "0")
    jingle = Element(tag(NS_JINGLE, "jingle"), action=action, sid=sid)
    group = SubElement(jingle, tag(NS_BUNDLE, "group"), semantics="BUNDLE")
    SubElement(group, tag(NS_BUNDLE, "content"), name=name)
    audio = SubElement(jingle, tag(NS_JINGLE, "content"), creator="initiator", name=name, senders="both")
    description = SubElement(audio, tag(NS_RTP, "description"), media="audio")
    formats = dict(value.split(" ", 1) for each, value in attributes if each == "fmtp")
    names = dict(value.split(" ", 1) for each, value in attributes if each == "rtpmap")
    for number in media[3:]:
        encoding, rate, *channels = names[number].split("/")
        codec = SubElement(description, tag(NS_RTP, "payload-type"), id=number, name=encoding, clockrate=rate)
        codec.set("channels", channels[0] if channels else "1")
        for parameter in formats.get(number, "").split(";"):
            if parameter:
                key, _, value = parameter.strip().partition("=")
                SubElement(codec, tag(NS_RTP, "parameter"), name=key, value=value)
    SubElement(description, tag(NS_RTP, "rtcp-mux"))
    transport = SubElement(audio, tag(NS_ICE, "transport"), ufrag=first["ice-ufrag"], pwd=first["ice-pwd"])
    prints = dict(value.split(" ", 1) for each, value in attributes if each == "fingerprint")
    fingerprint = SubElement(transport, tag(NS_DTLS, "fingerprint"), hash="sha-256", setup=first["setup"])
    fingerprint.text = prints["sha-256"]
    for words in (value.split() for each, value in attributes if each == "candidate"):
        made = f"candidate{len(transport)}"
        candidate = SubElement(transport, tag(NS_ICE, "candidate"), id=made, generation="0", network="0")
        for key, word in zip(_CANDIDATE, words, strict=False):
            candidate.set(key, word)
        candidate.set("type", words[7])
    return jingle


def takeCandidates(jingle: Element) -> list[Element]:
    """Take the candidates out of it, one C{transport-info} for each."""
    audio = jingle.find(tag(NS_JINGLE, "content"))
    assert audio is not None
    transport = audio.find(tag(NS_ICE, "transport"))
    assert transport is not None
    made = []
    for candidate in transport.findall(tag(NS_ICE, "candidate")):
        transport.remove(candidate)
        info = Element(tag(NS_JINGLE, "jingle"), action="transport-info", sid=jingle.get("sid", ""))
        content = SubElement(info, tag(NS_JINGLE, "content"), creator="initiator", name=audio.get("name", ""))
        SubElement(content, tag(NS_ICE, "transport"), transport.attrib).append(candidate)
        made.append(info)
    return made


def toSDP(jingle: Element) -> str:
    """
    What C{jingle} says of its audio.

    @raise Unusable: if there is none, or it has not what DTLS-SRTP and ICE need.
    """
    for audio in jingle.findall(tag(NS_JINGLE, "content")):
        description = audio.find(tag(NS_RTP, "description"))
        transport = audio.find(tag(NS_ICE, "transport"))
        if description is None or transport is None or description.get("media") != "audio":
            continue
        fingerprint = transport.find(tag(NS_DTLS, "fingerprint"))
        if fingerprint is None:
            raise Unusable("no fingerprint")
        codecs = description.findall(tag(NS_RTP, "payload-type"))
        name = audio.get("name", "0")
        lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {name}"]
        lines.append("m=audio 9 UDP/TLS/RTP/SAVPF " + " ".join(codec.get("id", "") for codec in codecs))
        lines += ["c=IN IP4 0.0.0.0", "a=sendrecv", f"a=mid:{name}", "a=rtcp-mux"]
        for codec in codecs:
            number, channels = codec.get("id"), codec.get("channels", "1")
            encoding = f"{codec.get('name')}/{codec.get('clockrate', '8000')}"
            lines.append(f"a=rtpmap:{number} {encoding}" + (f"/{channels}" if channels != "1" else ""))
            parameters = [
                f"{each.get('name')}={each.get('value')}" if each.get("name") else str(each.get("value"))
                for each in codec.findall(tag(NS_RTP, "parameter"))
            ]
            if parameters:
                lines.append(f"a=fmtp:{number} {';'.join(parameters)}")
        lines += [f"a=ice-ufrag:{transport.get('ufrag')}", f"a=ice-pwd:{transport.get('pwd')}"]
        lines.append(f"a=fingerprint:{fingerprint.get('hash')} {(fingerprint.text or '').strip()}")
        lines.append(f"a=setup:{fingerprint.get('setup')}")
        lines += [f"a=candidate:{text}" for text in candidates(jingle)]
        return "\r\n".join(lines) + "\r\n"
    raise Unusable("no audio")


def candidates(jingle: Element) -> list[str]:
    """Those of UDP, as SDP writes them."""
    return [
        " ".join([*(candidate.get(key, "") for key in _CANDIDATE), "typ", candidate.get("type", "host")])
        for candidate in jingle.iter(tag(NS_ICE, "candidate"))
        if candidate.get("protocol", "").lower() == "udp" and candidate.get("component") == "1"
    ]
