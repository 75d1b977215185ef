"""Makes the viseme network of the preview engine from nothing: synthetic speech, training. `make viseme-net`."""
