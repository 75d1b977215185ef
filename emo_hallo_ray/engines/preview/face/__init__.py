"""Skin that moves: coordinates on the face, movements as fields over it, light and colour."""
