# SPDX-License-Identifier: BSD-2-Clause
"""Reads pcap and pcapng files and takes IP packets apart, independently of the project's own
code and of libpcap's reader."""

import ipaddress
import struct
from dataclasses import dataclass

ETHERNET, RAW, IPV4, IPV6 = 1, 101, 228, 229
VLAN_TYPES = (0x8100, 0x88A8)


@dataclass(frozen=True)
class Frame:
    time: float  # seconds
    link: int    # link type
    data: bytes


def frames(path):
    """Every frame of a file of either format; ValueError if one was cut short in capturing."""
    with open(path, "rb") as f:
        data = f.read()
    return list((pcapng_frames if data[:4] == b"\x0a\x0d\x0d\x0a" else pcap_frames)(data, path))


def whole(path, kept, length):
    if kept != length:
        raise ValueError(f"{path}: a packet of {length} bytes was cut to {kept}")


def pcap_frames(data, path):
    if not data:
        return
    magic = data[:4]
    order = "<" if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    unit = 1e-9 if magic in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e-6
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    at = 24
    while at + 16 <= len(data):
        sec, frac, kept, length = struct.unpack_from(order + "4I", data, at)
        if at + 16 + kept > len(data):
            break  # still being written
        whole(path, kept, length)
        yield Frame(sec + frac * unit, link, data[at + 16:at + 16 + kept])
        at += 16 + kept


def options(order, data, at, end):
    """{code: value} of a pcapng block's options."""
    found = {}
    while at + 4 <= end:
        code, length = struct.unpack_from(order + "HH", data, at)
        if code == 0:
            break
        found[code] = data[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return found


def pcapng_frames(data, path):
    at, order, links = 0, "<", []
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        kind, size = struct.unpack_from(order + "II", data, at)
        if size < 12 or size % 4:
            raise ValueError(f"{path}: block of {size} bytes at {at}")
        if at + size > len(data):
            break  # still being written
        if struct.unpack_from(order + "I", data, at + size - 4)[0] != size:
            raise ValueError(f"{path}: block at {at} ends with another length")
        if kind == 1:  # interface
            resolution = options(order, data, at + 16, at + size - 4).get(9, b"\x06")[0]
            unit = 2.0 ** -(resolution & 127) if resolution & 128 else 10.0 ** -resolution
            links.append((struct.unpack_from(order + "H", data, at + 8)[0], unit))
        elif kind == 6:  # packet
            interface, high, low, kept, length = struct.unpack_from(order + "5I", data, at + 8)
            whole(path, kept, length)
            link, unit = links[interface]
            yield Frame((high << 32 | low) * unit, link, data[at + 28:at + 28 + kept])
        at += size


def ip_bytes(frame):
    """The IP packet in a frame, without link header and padding; None if there is none."""
    data = frame.data
    if frame.link == ETHERNET:
        at = 12
        while struct.unpack_from("!H", data, at)[0] in VLAN_TYPES:
            at += 4
        if struct.unpack_from("!H", data, at)[0] not in (0x0800, 0x86DD):
            return None
        data = data[at + 2:]
    elif frame.link not in (RAW, IPV4, IPV6):
        raise ValueError(f"link type {frame.link}")
    if len(data) >= 20 and data[0] >> 4 == 4:
        return data[:struct.unpack_from("!H", data, 2)[0]]
    if len(data) >= 40 and data[0] >> 4 == 6:
        return data[:40 + struct.unpack_from("!H", data, 4)[0]]
    return None


def packets(path):
    """[(time, IP packet)] of a file."""
    return [(f.time, p) for f in frames(path) if (p := ip_bytes(f)) is not None]


EXTENSIONS = (0, 43, 60, 135, 139, 140)


class Packet:
    """The fields of an IP packet: .version .src .dst .proto .sport .dport .icmp .later .payload"""

    def __init__(self, data):
        self.data, self.version = data, data[0] >> 4
        self.sport = self.dport = self.icmp = None
        self.later = False  # a fragment, and not the first
        if self.version == 4:
            self.src, self.dst = (ipaddress.IPv4Address(data[i:i + 4]) for i in (12, 16))
            self.ttl, self.proto, at = data[8], data[9], (data[0] & 15) * 4
            self.flags, self.offset = data[6] >> 5, (struct.unpack_from("!H", data, 6)[0] & 0x1FFF) * 8
        else:
            self.src, self.dst = (ipaddress.IPv6Address(data[i:i + 16]) for i in (8, 24))
            self.ttl, at, self.flags, self.offset = data[7], 40, 0, 0
            at = self.walk(data, data[6], at)
        self.later = self.offset > 0
        self.payload = data[at:]
        if not self.later and self.proto in (6, 17) and len(self.payload) >= 4:
            self.sport, self.dport = struct.unpack_from("!HH", self.payload)
        if not self.later and self.proto in (1, 58) and len(self.payload) >= 2:
            self.icmp = tuple(self.payload[:2])

    def walk(self, data, proto, at):
        while proto in EXTENSIONS or proto == 44:
            if proto == 44:
                word = struct.unpack_from("!H", data, at + 2)[0]
                self.offset, self.flags = word & 0xFFF8, word & 1
                proto, at = data[at], at + 8
                if self.offset:
                    break
            else:
                proto, at = data[at], at + (data[at + 1] + 1) * 8
        self.proto = proto
        return at


def checksum(data):
    """Of the Internet: 0 over data that contains its right checksum."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def checksums_right(data):
    """IPv4 header, TCP, UDP and ICMP checksums of a whole packet (fragments: the header only)."""
    p = Packet(data)
    if p.version == 4 and checksum(data[:(data[0] & 15) * 4]):
        return False
    if p.offset or p.flags & 1 or p.proto not in (1, 6, 17, 58):
        return True
    if p.proto == 17 and p.payload[6:8] == b"\0\0":
        return p.version == 4
    pseudo = b"" if p.proto == 1 else (
        p.src.packed + p.dst.packed + struct.pack("!II", len(p.payload), p.proto))
    return checksum(pseudo + p.payload) == 0
