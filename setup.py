"""Names the packages of the wheel; everything else is in pyproject.toml.

`configs` lies at the top of the source, and in the wheel inside the package, as
`jaxpose.configs`. `experiments` and `tests` run from the checkout only.
"""

import setuptools

setuptools.setup(
    packages=[
        *setuptools.find_packages(include=["jaxpose", "jaxpose.*"]),
        "jaxpose.configs",
    ],
    package_dir={"jaxpose.configs": "configs"},
)
