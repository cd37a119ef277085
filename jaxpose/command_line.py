"""Command-line flags, configs among them; a mistake is answered in one line.

`--config` takes a config file or the workdir of a run. Where it is absent, the config
is that of the run in `--workdir`.
"""

import importlib.util
import os
import pathlib
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType

import ml_collections
from absl import app, flags

from jaxpose import usage
from jaxpose.errors import JaxposeError
from jaxpose.fields import find_unknown
from jaxpose.wording import cut, printable


def run(
    main: Callable[[list[str]], None],
    usage_of: Callable[[list[str]], str] | None = None,
) -> None:
    """Runs `main` with the arguments that are not flags; `--config` is defined.

    Args:
      main: the program.
      usage_of: returns what `--help` prints, of the arguments; None: the docstring of
        the program and its flags.
    """

    def parse(argv: list[str]) -> list[str]:
        if usage.is_help(argv[1:]):
            usage.print_and_leave((usage_of or _list_flags)(argv[1:]))
        return _parse(argv)

    app.run(main, flags_parser=parse)


def _list_flags(arguments: list[str]) -> str:
    """Returns the docstring of the program and its flags, whatever the arguments."""
    document = sys.modules["__main__"].__doc__ or ""
    return f"{document.strip()}\n{flags.FLAGS.main_module_help()}"


def find_config(path: pathlib.Path) -> pathlib.Path:
    """Returns the config file `path`, or the packaged one where `path` does not exist.

    Args:
      path: any Python file; `configs/NAME.py` names one of jaxpose's own as well.

    Raises:
      JaxposeError: there is no such file; the message names both places.
    """
    folder = packaged_configs()
    if path.is_file():
        return path
    packaged = folder / path.name
    if path.parent == pathlib.Path("configs") and packaged.is_file():
        return packaged
    names = sorted(file.stem for file in folder.glob("[!_]*.py"))
    raise JaxposeError(
        f"there is no file {path.as_posix()!r} in {os.getcwd()}, and jaxpose's own "
        f"configs, in {folder}, are {', '.join(names)}"
    )


def packaged_configs() -> pathlib.Path:
    """Returns the folder of jaxpose's own configs, in the package or the checkout."""
    package = pathlib.Path(__file__).resolve().parent
    folder = package / "configs"
    return folder if folder.is_dir() else package.parent / "configs"


def packaged_variants(name: str) -> Iterator[tuple[str, ml_collections.ConfigDict]]:
    """Yields each variant of `configs/NAME.py`, as `--config` takes it, and its config.

    Configs of a second stage are left out.
    """
    module = _load_module(packaged_configs() / f"{name}.py")
    for variant in module.VARIANTS:
        config = module.get_config(variant)
        if not config.refinement:
            yield f"configs/{name}.py:{variant}", config


def _load_module(path: pathlib.Path) -> ModuleType:
    """Runs a Python file and returns its module.

    Raises:
      JaxposeError: it is no Python file.
    """
    spec = importlib.util.spec_from_file_location("jaxpose_config_file", path)
    if spec is None or spec.loader is None:
        raise JaxposeError(f"{path} is not a Python file; expected FILE.py:VARIANT")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _ConfigParser(flags.ArgumentParser[ml_collections.ConfigDict]):
    """Parser of `FILE.py[:VARIANT]`, or of a run's workdir.

    The parser of ml_collections splits at the first colon, which on Windows follows the
    drive letter, and knows no packaged configs.

    Attributes:
      config: the config that was read last, None before.
    """

    config: ml_collections.ConfigDict | None = None

    def parse(self, argument: str) -> ml_collections.ConfigDict:
        """Returns the locked config of a file and variant, or of a run.

        Raises:
          JaxposeError: no such file or variant, the file fails, or a directory without
            a run.
        """
        directory = pathlib.Path(argument).expanduser()
        if directory.is_dir():
            from jaxpose.training import workdirs  # starts JAX, which takes seconds

            self.config = workdirs.load_config(directory, "--config")
            return self.config
        stem, colon, variant = argument.partition(".py:")
        path = find_config(pathlib.Path(f"{stem}.py" if colon else argument))
        # A config file is a program: it may raise anything.
        try:
            config = _load_module(path).get_config(*([variant] if colon else []))
        except JaxposeError:
            raise
        except Exception as error:
            raise JaxposeError(_why(error, path)) from error
        config.lock()
        self.config = config
        return config

    def flag_type(self) -> str:
        """Returns the name of the type in the help text."""
        return "config file"


def _why(error: Exception, path: pathlib.Path) -> str:
    """Returns what is wrong with the config file `path`, and in which line.

    Args:
      error: what it raised.
      path: the file.
    """
    line = error.lineno if isinstance(error, SyntaxError) else None
    if not isinstance(error, SyntaxError):
        # The last line of the file itself; what it calls may lie deeper.
        for frame in traceback.extract_tb(error.__traceback__):
            if pathlib.Path(frame.filename) == path:
                line = frame.lineno
    where = f"{path}, line {line}" if line else f"{path}"
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    message = f"{where}: {type(error).__name__}: {cut(printable(reason))}"
    if "casted to type <class 'tuple'>" in reason:
        message += "; write a tuple of names, such as ('S9',)"
    return message


def _parse(argv: list[str]) -> list[str]:
    """Returns the arguments that are not flags; exits with one line on a mistake."""
    flags.FLAGS["config"].parser = _ConfigParser()
    workdir = value_of("workdir", argv)
    if workdir and value_of("config", argv) is None and _holds_run(workdir):
        argv = [argv[0], f"--config={workdir}", *argv[1:]]
        # The flags of fields are found there.
        sys.argv = argv
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        message = _lines(error)[-1].removeprefix("flag ")
        # absl's words for a required flag that is absent name it twice, and None.
        name, colon, _ = message.partition("=None: Flag ")
        if colon:
            message = f"{name}=... is required; --help lists the flags"
            if workdir:
                message = f"{name}=... is required, as {workdir} holds no run"
        sys.exit(f"error: {message}")
    except (AttributeError, KeyError, TypeError) as error:
        # ml_collections answers an unknown field with one of these.
        config = flags.FLAGS["config"].parser.config
        found = _unknown_field(config, argv) if config else None
        if found is None:
            raise
        raise SystemExit(f"error: {found}") from error


def value_of(name: str, argv: list[str]) -> str | None:
    """Returns the value of flag `name` among the arguments, None where it is absent."""
    for argument, following in zip(argv, [*argv[1:], ""], strict=True):
        found = re.fullmatch(rf"--?{name}(?:=(.*))?", argument)
        if found:
            return following if found[1] is None else found[1]
    return None


def _holds_run(workdir: str) -> bool:
    """Returns whether a run has begun in a directory."""
    directory = pathlib.Path(workdir).expanduser()
    if not directory.is_dir():
        return False
    from jaxpose.training import workdirs

    return workdirs.holds_run(directory)


def _unknown_field(config: ml_collections.ConfigDict, argv: list[str]) -> str | None:
    """Returns what is wrong with the first argument that names no field of `config`."""
    for argument in argv:
        named = re.match(r"--?(?:no)?config\.([^=]+)", argument)
        if named and (found := find_unknown(config, named[1])):
            return found
    return None


def _lines(error: Exception) -> list[str]:
    """Returns the lines of an error's message, without the quotes of a KeyError."""
    has_text = bool(error.args) and isinstance(error.args[0], str)
    text = error.args[0] if has_text else str(error)
    return text.strip().splitlines() or [type(error).__name__]
