"""Strictness that every test runs under, and a cache of compiled programs that all tests share."""

import getpass
import os
import pathlib
import tempfile

CACHE = pathlib.Path(tempfile.gettempdir()) / f"jaxpose-tests-{getpass.getuser()}"
# Before JAX is imported, and in the environment: runs in processes of their own inherit it.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")

import jax  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
