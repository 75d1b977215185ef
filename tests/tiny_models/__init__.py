"""Models of the released layouts with tiny dimensions and random weights, written on the spot."""
