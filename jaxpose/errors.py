"""The one error type for bad input: files, flags, configs and shapes a user can mend."""


class JaxposeError(ValueError):
    """Bad input. The message names the file, key, shape or flag, what was expected, and the fix.

    Command-line programs print the message alone and exit with status 1; any other
    exception is a defect of jaxpose and keeps its traceback.
    """
