"""Hallo2's networks and sampling loop, with the released checkpoint's key names. Knows only torch and diffusers.

Data flows through the files in this order: projections and face_locator make the conditions, reference_unet reads the
portrait and the last frames, clip_constants holds what stays equal over a clip's steps, denoising_unet predicts one
step, sampling makes a clip of them. What may not fit into memory goes through batches.

Source: "Hallo2: Long-Duration and High-Resolution Audio-Driven Portrait Image Animation" (arXiv:2410.07718).
"""
