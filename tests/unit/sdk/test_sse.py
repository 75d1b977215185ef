"""The event stream's grammar."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from emo_hallo._sse import ServerSentEvent, SseDecoder

STREAM = (
    "\ufeff: a comment\n\nid: 1\r\nevent: task\r\ndata: größe\u2028 \x0b\r\rdata:a\ndata: b\nretry: 10\n\nid: 2\n\n"
)


def decode(chunks: list[bytes]) -> list[ServerSentEvent]:
    decoder = SseDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def test_names_ids_and_data_follow_the_standard():
    assert decode([STREAM.encode()]) == [
        ServerSentEvent("task", "größe\u2028 \x0b", "1"),
        ServerSentEvent("message", "a\nb", "1"),
    ]


@given(st.lists(st.integers(0, len(STREAM.encode())), max_size=12))
def test_events_do_not_depend_on_where_the_bytes_are_cut(cuts):
    raw = STREAM.encode()
    edges = [0, *sorted(cuts), len(raw)]
    chunks = [raw[start:end] for start, end in pairwise(edges)]

    assert decode(chunks) == decode([raw])


def test_event_without_its_blank_line_is_dropped():
    assert decode([b"data: whole\n\ndata: cut off\n"]) == [ServerSentEvent("message", "whole", None)]
