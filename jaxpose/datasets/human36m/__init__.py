"""Human3.6M, from official files, VideoPose3D npz files or the MotionBERT pickle."""
