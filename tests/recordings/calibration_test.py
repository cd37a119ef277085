"""Files of camera calibration, and which camera a recording is of."""

import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.recordings.arrays import from_arrays
from jaxpose.recordings.calibration import (
    CalibratedCamera,
    calibrated,
    read_calibration,
)
from jaxpose.recordings.options import Options
from tests.recordings import walker

INTRINSICS = (1681.25, 1680.5, 540.0, 956.5)

POSE2SIM = """
[cam_01]
name = "cam_01"
size = [ 1088.0, 1920.0]
matrix = [ [ 1681.25, 0.0, 540.0], [ 0.0, 1680.5, 956.5], [ 0.0, 0.0, 1.0]]
distortions = [ -0.25, 0.5, 0.001, 0.002]
rotation = [ 1.2, -0.1, 0.2]
translation = [ 0.1, 1.2, 5.0]
fisheye = false

[cam_02]
name = "cam_02"
size = [ 1088.0, 1920.0]
matrix = [ [ 1000.0, 0.0, 544.0], [ 0.0, 1000.0, 960.0], [ 0.0, 0.0, 1.0]]
distortions = [ 0.0, 0.0, 0.0, 0.0]
fisheye = false

[metadata]
adjusted = false
error = 0.0
"""
OPENCV_YAML = """%YAML:1.0
---
calibration_time: "Thu 26 Nov 2026"
image_width: 1088
image_height: 1920
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 1.68125e+03, 0., 5.40e+02, 0., 1.6805e+03,
       9.565e+02, 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 5
   cols: 1
   dt: d
   data: [ -2.5e-01, 0.5, 1.0e-03, 2.0e-03, 0.125 ]
avg_reprojection_error: 2.1e-01
"""
OPENCV_XML = """<?xml version="1.0"?>
<opencv_storage>
<!-- made by a sample -->
<image_width>1088</image_width>
<image_height>1920</image_height>
<cameraMatrix type_id="opencv-matrix">
  <rows>3</rows><cols>3</cols><dt>d</dt>
  <data> 1681.25 0. 540. 0. 1680.5 956.5 0. 0. 1.</data></cameraMatrix>
<distCoeffs type_id="opencv-matrix">
  <rows>1</rows><cols>5</cols><dt>d</dt>
  <data> -0.25 0.5 0.001 0.002 0.125</data></distCoeffs>
</opencv_storage>
"""
ROS = OPENCV_YAML.replace(" !!opencv-matrix", "").replace("   dt: d\n", "")
EASYMOCAP = OPENCV_YAML.replace("camera_matrix", "K_left").replace(
    "distortion_coefficients", "dist_left"
)


def read(tmp_path, text, ending=".yml"):
    path = tmp_path / f"calibration{ending}"
    path.write_text(text)
    return read_calibration(path)


def recording(name="walk", size=(1088, 1920)):
    keypoints = walker.person("coco_17", 20)
    options = Options(image_size=size, fps=25.0, force=True)
    return from_arrays(keypoints, None, options, name)


def test_pose2sims_cameras(tmp_path):
    first, second = read(tmp_path, POSE2SIM, ".toml")
    assert first == CalibratedCamera(
        "cam_01", INTRINSICS, (-0.25, 0.5, 0.0, 0.001, 0.002), (1088, 1920)
    )
    assert (second.name, second.distortion) == ("cam_02", None)


@pytest.mark.parametrize(
    "text, ending, name",
    [
        (OPENCV_YAML, ".yml", ""),
        (OPENCV_YAML.replace("\n", "\r\n"), ".yaml", ""),
        (OPENCV_XML, ".xml", ""),
        (ROS, ".yaml", ""),
        (EASYMOCAP, ".yml", "left"),
    ],
)
def test_opencvs_files(tmp_path, text, ending, name):
    (camera,) = read(tmp_path, text, ending)
    assert camera == CalibratedCamera(
        name, INTRINSICS, (-0.25, 0.5, 0.125, 0.001, 0.002), (1088, 1920)
    )


def test_the_path_names_one_of_several_cameras(tmp_path):
    cameras = read(tmp_path, POSE2SIM, ".toml")
    found = calibrated(recording("pose/cam1_json/x"), cameras, "c.toml")
    assert found.camera.intrinsics == INTRINSICS
    assert found.camera.distortion == (-0.25, 0.5, 0.0, 0.001, 0.002)
    found = calibrated(recording("Cam02"), cameras, "c.toml")
    assert found.camera.intrinsics[0] == 1000
    for name, count in (("cam10", "none"), ("cam1 cam2", "several")):
        with pytest.raises(JaxposeError, match=rf"cam_01, cam_02, and .* {count} of"):
            calibrated(recording(name), cameras, "c.toml")
    # One camera needs no name.
    assert calibrated(recording(), cameras[:1], "").camera.intrinsics == INTRINSICS


def test_pixels_of_a_smaller_video_are_larger():
    camera = CalibratedCamera("", INTRINSICS, image_size=(1088, 1920))
    found = calibrated(recording(size=(544, 960)), [camera], "c.yml")
    np.testing.assert_allclose(found.camera.intrinsics, np.array(INTRINSICS) / 2)
    with pytest.raises(JaxposeError, match=r"1920 x 1080 pixels, while c\.yml .* 1088"):
        calibrated(recording(size=(1920, 1080)), [camera], "c.yml")


@pytest.mark.parametrize(
    "text, ending, message",
    [
        ("a = [", ".toml", "is damaged"),
        ("[metadata]\nerror = 0", ".toml", "holds no camera: expected Pose2Sim's TOML"),
        ("width: 5", ".yml", "holds no camera"),
        ("<opencv_storage>", ".xml", "is damaged"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", ".xml", "document type"),
        (POSE2SIM.replace("false", "true"), ".toml", "cam_01 is a fisheye lens"),
        (POSE2SIM.replace("1680.5", "nan"), ".toml", "expected 9 finite numbers"),
        (POSE2SIM.replace("1680.5", "-1.0"), ".toml", "expected fx, 0, cx"),
        (OPENCV_YAML.replace("rows: 3", "rows: 2"), ".yml", "expected 6 finite"),
        (OPENCV_XML.replace("0.125", "0 0 0.3"), ".xml", "distortion of 7 coeff"),
    ],
)
def test_a_damaged_file_is_answered_in_one_line(tmp_path, text, ending, message):
    with pytest.raises(JaxposeError, match=message) as caught:
        read(tmp_path, text, ending)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(JaxposeError, match=r"absent\.toml cannot be read: No such"):
        read_calibration(tmp_path / "absent.toml")
