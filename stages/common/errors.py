"""The error of input: what a user gave is wrong, as opposed to what the code does."""


class InputError(ValueError):
    """Something that a user gave is wrong: params, a file, an option, the environment.

    A command ends with its message alone, without a traceback. It names the thing, the value, what is allowed and the
    cure. Any other error is one of the code, of the project's or of somebody's own GAN, and shows file and line.
    """
