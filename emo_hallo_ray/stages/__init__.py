"""The work of each stage as a plain object, for a deployment or for `emo-hallo render`.

Data flows through the files in this order: preprocessing, speech, generation, super_resolution, encoding.
"""
