"""`mx lint`: the style guide as code.

`rule` is what an author of rules needs; `registry` knows the rules, `files` selects what they look at, `runner` runs
them side by side, `report_*` print what they found. Each other module is one rule.
"""
