"""What only a command line can get wrong."""

from counterseal.kernel.errors import CallerFault, EnvironmentFault


class WrongUsage(CallerFault):
    """An option or argument that does not fit; the sentence names it."""

    code = "cli.usage"


class InvalidSetting(CallerFault):
    """A setting, from an option or from the environment, that cannot be."""

    code = "cli.invalid-setting"


class FileTrouble(EnvironmentFault):
    """A file on this machine that cannot be read or written."""

    code = "cli.file"
