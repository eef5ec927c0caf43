"""Support services in the words of Open Referral UK (HSDS 3): `reading.py` writes them so.

What of the standard is followed, and what is not, stands in docs/open-data.md.
"""
