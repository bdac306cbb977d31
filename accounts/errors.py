"""Refusals that carry a sentence for the person who asked."""


class DomainError(Exception):
    """A request that the product refuses. `sentence` is shown to the user as it stands."""

    status = 422

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotAllowed(DomainError):
    """The role does not have the right."""

    status = 403
