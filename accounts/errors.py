"""Refusals that carry a sentence for the person who asked."""


class DomainError(Exception):
    """A request that the product refuses. `sentence` is shown to the user as it stands."""

    status = 422

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Missing(DomainError):
    """There is no such row in this company. Pages answer as to an address that nobody has."""

    status = 404


class NotAllowed(DomainError):
    """The role does not have the right."""

    status = 403
