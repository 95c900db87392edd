"""The one error that is the user's to fix; every floor raises it, so it lives on the lowest."""


class RatchetError(Exception):
    """Something the user can mend: says where, what was found, what was expected, what to do.

    The command line prints it on one line and exits 2. Any other exception is our bug and
    keeps its traceback.
    """
