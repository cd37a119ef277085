"""Turns the files that detectors write into clean 2D keypoints of a person.

    from jaxpose import recordings

    reading = recordings.read("keypoints/", image_size=(1920, 1080), fps=30)
    for recording in reading.recordings:
        print(recording.name, recording.keypoints_2d.shape, recording.warnings)

Only NumPy is needed. docs/recordings.md lists formats, joint orders and messages.
"""

from jaxpose.recordings.reader import Reading, Refusal, model_joints, read
from jaxpose.recordings.recording import Recording

__all__ = ["Reading", "Recording", "Refusal", "model_joints", "read"]
