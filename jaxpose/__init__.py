"""jaxpose: 3D human pose estimation by 2D-to-3D lifting, in JAX and Flax."""

__version__ = "0.1.0"
