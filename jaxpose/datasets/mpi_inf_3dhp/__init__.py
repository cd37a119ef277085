"""MPI-INF-3DHP."""
