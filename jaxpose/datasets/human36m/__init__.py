"""Human3.6M, from the official files, the VideoPose3D npz files or the MotionBERT pickle."""
