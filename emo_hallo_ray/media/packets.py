"""The packets of an M4A that holds one track of sound: where each lies and when it is heard."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.media.boxes import children, find, read_top_level

PACKET_SAMPLES = 1024  # of AAC


@dataclass(frozen=True)
class PacketTable:
    """What an M4A says of its packets.

    Attributes:
        track: content of its `trak` box.
        offsets: of the packets in the file, and of the end of the last one, (n + 1,).
        priming_samples: with which the encoder began before the sound's own start; players skip them.
    """

    path: Path
    track: bytes
    offsets: NDArray[np.int64]
    priming_samples: int

    def starting_within(self, start_sample: int, end_sample: int) -> range:
        """The packets that are heard from within this stretch on."""
        first = -(-(start_sample + self.priming_samples) // PACKET_SAMPLES)
        last = -(-(end_sample + self.priming_samples) // PACKET_SAMPLES)
        return range(min(first, len(self.offsets) - 1), min(last, len(self.offsets) - 1))

    def heard_from(self, packet: int) -> int:
        """The sample with which a packet begins; negative within the priming."""
        return packet * PACKET_SAMPLES - self.priming_samples

    def read(self, packets: range) -> tuple[list[int], bytes]:
        """Sizes of consecutive packets, and all of them in one."""
        start, end = int(self.offsets[packets.start]), int(self.offsets[packets.stop])
        with self.path.open("rb") as file:
            file.seek(start)
            data = file.read(end - start)
        return np.diff(self.offsets[packets.start : packets.stop + 1]).tolist(), data


def read_packet_table(path: Path) -> PacketTable:
    """Read the table of an M4A as ffmpeg writes it: packets lie in their order, with nothing in between.

    Raises:
        ValueError: it is not such a file.
    """
    [(_, movie)] = read_top_level(path, b"moov")
    track = find(movie, b"trak")
    table = find(track, b"mdia", b"minf", b"stbl")
    sizes = find(table, b"stsz")
    constant, n_packets = int.from_bytes(sizes[4:8]), int.from_bytes(sizes[8:12])
    each = np.full(n_packets, constant, np.int64) if constant else np.frombuffer(sizes, ">u4", n_packets, 12)
    offsets = _start(table) + np.concatenate([[0], np.cumsum(each, dtype=np.int64)])
    return PacketTable(path, track, offsets, _priming_samples(track))


def _start(table: bytes) -> int:
    boxes = dict(children(table))
    width = 4 if b"stco" in boxes else 8
    return int.from_bytes(boxes.get(b"stco", boxes.get(b"co64", b""))[8 : 8 + width])


def _priming_samples(track: bytes) -> int:
    """The media time of the edit list's only entry, in version 0: duration, media time, rate."""
    edits = find(track, b"edts", b"elst")
    return int.from_bytes(edits[12:16])
