"""HTTP face: one file per noun.

Holds routes, request and response bodies, problem mapping. May not hold rules, SQL or model calls.
May import every room below except ``activities``: the API asks workflows, it does not run activities.
"""
