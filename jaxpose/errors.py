"""The one error type for input that a user can correct."""


class JaxposeError(ValueError):
    """An error in the input: a file, a flag, a config field or the shape of an array.

    The message is one line. It names the file, key, shape or flag, what was expected,
    and the fix. Command-line programs print the message alone and exit with status 1.
    Any other exception is a defect of jaxpose and keeps its traceback.
    """
