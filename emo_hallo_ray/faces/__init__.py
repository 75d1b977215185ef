"""Faces in pictures: found (`detector`), chosen (`selection`), measured (`mesh`) and framed (`crop`)."""
