"""A start that cannot succeed ends in a sentence that says what to do, never in a trace."""


class Refusal(Exception):
    """Starting is impossible for a reason the person at the keyboard can change.

    The message is shown as it is: what is wrong, then what to do about it.
    """
