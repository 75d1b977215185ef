"""The engines behind one seam (`base`), and how one is chosen (`registry`)."""
