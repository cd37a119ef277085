"""Motion Capture Database HDM05."""
