"""Client for the Emo Hallo talking-portrait service.

    from emo_hallo.client import Hallo2Client

Needs httpx, and rich for the progress bar; nothing of the service itself.
"""
