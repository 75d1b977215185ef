"""Blinks, glances, sway: what a face does besides talking, from the seed and the frame's number."""
