"""What a face does in one frame."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expression:
    """Amounts of movement; all zero is the portrait as it is.

    Attributes:
        jaw: opening, 0..1.
        width: corners apart (1) or together (-1).
        rounding: lips puckered, 0..1.
        close: lips pressed together whatever the jaw does, 0..1.
        upper: upper lip raised, 0..1.
        tuck: lower lip under the upper teeth, 0..1.
        settle: how far a mouth that is open in the picture obeys the sound: 0 leaves it, 1 closes it in full.
        rest: how far a smile comes back behind closed lips, as in a pause, 0..1.
        blink: lids closed, 0..1.
        squint: lower lids raised, 0..1.
        gaze_x, gaze_y: -1..1, to the image's right and down.
        brow: raised, -1..1.
        brow_tilt: added to `brow` on the image's right and taken from it on the left, -1..1.
        yaw, pitch, roll: of the head, in radians; to the image's right, down, clockwise.
        shift_x, shift_y, zoom: of the head, as shares of the face's height.
    """

    jaw: float = 0.0
    width: float = 0.0
    rounding: float = 0.0
    close: float = 0.0
    upper: float = 0.0
    tuck: float = 0.0
    settle: float = 0.0
    rest: float = 0.0
    blink: float = 0.0
    squint: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    brow: float = 0.0
    brow_tilt: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    zoom: float = 0.0
