"""The exception for wrong input by the user, as opposed to a bug in the code."""


class InputError(ValueError):
    """The user's input is wrong: params, a file, an option or the environment.

    A command that raises it ends with the message and without a traceback. The message names the thing, its value, what
    is allowed and the cure. Any other exception is a bug, in the project or in a user's own GAN, and has a traceback.
    """
