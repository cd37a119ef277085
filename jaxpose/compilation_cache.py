"""The folder in which programs of jaxpose keep what they compile, for later calls."""

import os
import pathlib
import tempfile

import jax


def use(shortest: float | None = None) -> None:
    """Lets later calls of the program reuse what this one compiles.

    The folder is `$JAX_COMPILATION_CACHE_DIR`, or `jaxpose/compiled` in
    `$XDG_CACHE_HOME` or `~/.cache`. Where that cannot be written, every call compiles
    anew. Call it in a program, never in a library.

    Args:
      shortest: seconds of compiling from which a program is kept; None: JAX's default,
        one second, or what the user has chosen.
    """
    # A folder that the user has chosen stays.
    if jax.config.values["jax_compilation_cache_dir"] is None:
        caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        try:
            directory = pathlib.Path(caches).expanduser() / "jaxpose" / "compiled"
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                pass
        except (OSError, RuntimeError):  # nowhere to write, or no home at all
            return
        jax.config.update("jax_compilation_cache_dir", str(directory))
    name = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
    if shortest is not None and name not in os.environ:
        jax.config.update(name.lower(), shortest)
