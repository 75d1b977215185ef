"""Speech for the Hallo2 engine: vocals out of a recording, wav2vec2 features of them, a window for each frame."""
