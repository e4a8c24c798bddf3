"""The ways in which compiled code does not answer; each of them sends the program to a worker."""


class Unsupported(Exception):
    """The program uses jq beyond the subset, so it is not compiled."""


class JqError(Exception):
    """jq fails here: `?` and `try` see it; where it leaves the program, a worker has the words."""


class Beyond(Exception):
    """What jq does here is not known for certain, or costs too much: nothing in the program may go on from it."""


class Costly(Beyond):
    """It costs too much."""
