"""What law needs: inventory, permits, consent, keys, codec, accounts, decision records.

Knows a person only as a ``subject_ref``. May not hold any word of teaching.
"""
