"""Pictures, recordings and videos as files: the only callers of ffmpeg and of image codecs."""
