"""Installs what jaxpose needs into a Colab runtime, GPU, TPU or CPU.

    python -m notebooks.colab

A runtime comes with JAX and with a plugin for its accelerator. Both must be of one
release: pip alone would replace `jax` and leave the plugin behind, and JAX would then
compute on the CPU. So packages that are new enough stay as they are, and an older JAX
is replaced together with its plugin. So are two of which pip has replaced one alone.
"""

import importlib.metadata
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = pathlib.Path(__file__).parents[1] / "requirements.txt"
JAX = ("jax", "jaxlib")
# The extra of jax for each plugin that a runtime may have.
PLUGINS = {
    "jax-cuda13-plugin": "cuda13",
    "jax-cuda12-plugin": "cuda12",
    "libtpu": "tpu",
}
# Modules of packages that a kernel may have loaded before they are replaced.
MODULES = {
    "jax": "jax",
    "jaxlib": "jaxlib",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "pillow": "PIL",
    "protobuf": "google.protobuf",
    "scipy": "scipy",
}


def read_requirements() -> list[Requirement]:
    """Returns what `requirements.txt` asks for on this platform."""
    requirements = []
    for line in REQUIREMENTS.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text:
            requirements.append(Requirement(text))
    return [r for r in requirements if r.marker is None or r.marker.evaluate()]


def installed_versions() -> dict[str, str]:
    """Returns the version of each installed package, by its canonical name."""
    versions = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            versions.setdefault(canonicalize_name(name), distribution.version)
    return versions


def plan(
    requirements: list[Requirement], installed: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Chooses what pip has to install.

    Args:
      requirements: of jaxpose.
      installed: versions by canonical name.

    Returns:
      Requirements for pip, none where nothing is missing; and constraints, which keep
      a JAX that is new enough.
    """
    missing = []
    for requirement in requirements:
        version = installed.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, True):
            missing.append(requirement)
    is_old = any(requirement.name in JAX for requirement in missing)
    if not is_old and not _is_parted(installed):
        kept = [f"{name}=={installed[name]}" for name in JAX]
        return [str(requirement) for requirement in missing], kept
    # A new JAX comes with the plugin of the same release.
    extras = [extra for plugin, extra in PLUGINS.items() if plugin in installed]
    asked = []
    for requirement in requirements:
        if requirement.name == "jax" and extras:
            asked.append(f"jax[{','.join(extras)}]{requirement.specifier}")
        elif requirement.name in JAX or requirement in missing:
            asked.append(str(requirement))
    return asked, []


def _is_parted(installed: Mapping[str, str]) -> bool:
    """Returns whether JAX has a plugin for CUDA of another release."""
    plugins = [name for name in PLUGINS if name.startswith("jax-")]
    releases = {installed[name] for name in plugins if name in installed}
    return bool(releases - {installed["jaxlib"]})


def loaded_and_replaced() -> list[str]:
    """Returns the packages whose loaded modules are not what is installed now."""
    stale = []
    for package, module in MODULES.items():
        if module in sys.modules:
            loaded = sys.modules[module].__version__
            if loaded != importlib.metadata.version(package):
                stale.append(package)
    return stale


def install() -> None:
    """Installs what is missing.

    Raises:
      SystemExit: the runtime has to be restarted before jaxpose can be imported.
    """
    asked, kept = plan(read_requirements(), installed_versions())
    if asked:
        print("installing:", *asked)
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
            constraints.write("\n".join(kept))
            constraints.flush()
            pip = [sys.executable, "-m", "pip", "install", "--quiet"]
            subprocess.run([*pip, "-c", constraints.name, *asked], check=True)
        importlib.invalidate_caches()
    if stale := loaded_and_replaced():
        raise SystemExit(
            f"Installed. {', '.join(stale)} was loaded before: choose Runtime > "
            "Restart session, and run all cells again."
        )


if __name__ == "__main__":
    install()
