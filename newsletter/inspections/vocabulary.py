"""Words that have no place in an issue, as plain data."""

# What spam filters, and readers, take for advertising.
SPAM = (
    "100% free",
    "act now",
    "apply now and",
    "buy now",
    "cash bonus",
    "click here",
    "congratulations",
    "double your",
    "earn money",
    "free gift",
    "free money",
    "guaranteed",
    "limited time",
    "no obligation",
    "no risk",
    "once in a lifetime",
    "order now",
    "risk-free",
    "special promotion",
    "this is not spam",
    "urgent",
    "while stocks last",
    "winner",
    "you have been selected",
)
# What somebody wrote to come back to: regular expressions, as they are written (“TBC”, not “tbc”) or in any case.
PLACEHOLDERS_AS_WRITTEN = (r"\bTBC\b", r"\bTBA\b", r"\bTODO\b", r"\bFIXME\b", r"\bXX+\b")
PLACEHOLDERS = (
    r"\blorem ipsum\b",
    r"\bxxx+\b",
    r"\[insert\b[^\]]*\]?",
    r"\bheadline goes here\b",
    r"\btext to follow\b",
)
# Too common to say that two headlines are about the same.
_COMMON = """
a about after all an and are as at be before by can children child do families for from how in is it its more new
now of on or our that the their they this to what when who will with you your
"""
COMMON = frozenset(_COMMON.split())
