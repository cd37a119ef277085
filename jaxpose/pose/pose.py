"""The 3D poses of one person in one recording."""

import dataclasses
import enum
import pathlib
from typing import TYPE_CHECKING

import numpy as np

from jaxpose.body.skeletons import Skeleton, get_skeleton
from jaxpose.datasets.camera import Camera
from jaxpose.errors import JaxposeError
from jaxpose.pose import angles, bones, filters, gravity, root
from jaxpose.wording import count_of

if TYPE_CHECKING:
    from jaxpose.pose.viewer import Viewer

_FARTHEST = 1e9  # metres, beyond which squares of float32 would be infinite soon


class FrameOfReference(enum.StrEnum):
    """Axes and origin of positions.

    Camera axes are x right, y down, z away from the camera. Upright axes are x right,
    y up against gravity, z towards the camera; the floor is at y = 0 where the place of
    the person is known. Both are right-handed.
    """

    CAMERA_FROM_HIP = "camera axes, relative to the hip"
    CAMERA = "camera axes, origin at the camera"
    UPRIGHT_FROM_HIP = "upright axes, relative to the hip"
    UPRIGHT = "upright axes, origin on the floor"

    @property
    def is_upright(self) -> bool:
        """Returns whether y is up."""
        return self in (FrameOfReference.UPRIGHT_FROM_HIP, FrameOfReference.UPRIGHT)

    @property
    def has_root(self) -> bool:
        """Returns whether the place of the person is known."""
        return self in (FrameOfReference.CAMERA, FrameOfReference.UPRIGHT)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Pose:
    """Holds the poses of one person. F frames, J joints of the skeleton.

    A pose is never changed: each method returns another one.

    Attributes:
      name: of the recording.
      positions_3d: `[F, J, 3]` float64 metres, in the frame of reference.
      seen: `[F, J]` bool: whether the detector saw the joint; others were filled in.
      frames: `[F]` int, numbers in the source.
      times: `[F]` seconds since frame 0 of the source.
      keypoints_2d: `[F, J, 2]` pixels of the same joints, x right and y down; NaN where
        not seen.
      camera: image size, and intrinsics where known.
      frame_of_reference: axes and origin of `positions_3d`.
      skeleton: name of the joint order.
      model: which weights lifted it.
      person: number of the person in the recording, from 1.
      remarks: sentences about what was assumed or estimated.
    """

    name: str
    positions_3d: np.ndarray
    seen: np.ndarray
    frames: np.ndarray
    times: np.ndarray
    keypoints_2d: np.ndarray
    camera: Camera
    frame_of_reference: FrameOfReference = FrameOfReference.CAMERA_FROM_HIP
    skeleton: str = "h36m_17"
    model: str = ""
    person: int = 1
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Checks the arrays.

        Raises:
          JaxposeError: shapes that do not belong together, positions that are not
            finite, or times that do not ascend.
        """
        # All arrays speak of the same frames and joints.
        frames, joints = len(self.positions_3d), self.body.num_joints
        shapes = {
            "positions_3d": (frames, joints, 3),
            "seen": (frames, joints),
            "frames": (frames,),
            "times": (frames,),
            "keypoints_2d": (frames, joints, 2),
        }
        for field, shape in shapes.items():
            found = getattr(self, field).shape
            if found != shape or not frames:
                raise JaxposeError(
                    f"pose {self.name!r}: {field} has shape {list(found)}; expected "
                    f"{list(shape)} for {self.skeleton}, with at least one frame"
                )
        # NaN fails the comparison, too.
        if not (np.abs(self.positions_3d) <= _FARTHEST).all():
            raise JaxposeError(
                f"pose {self.name!r}: positions_3d are not all finite and within "
                f"{_FARTHEST:g} m; fill in the joints that were not seen"
            )
        if not (np.diff(self.times) > 0).all():
            raise JaxposeError(f"pose {self.name!r}: times do not ascend")

    def __repr__(self) -> str:
        """Returns name, size, rate and axes on one line, without the arrays."""
        size = f"{len(self.frames):,} frames of {self.body.num_joints} joints"
        axes = f"{self.rate:g} fps, {self.frame_of_reference}"
        return f"<Pose {self.name}: {size}, {axes}>"

    @property
    def body(self) -> Skeleton:
        """Returns the joint set, with its bones."""
        return get_skeleton(self.skeleton)

    @property
    def joints(self) -> tuple[str, ...]:
        """Returns the names of the joints, in array order."""
        return self.body.joints

    @property
    def rate(self) -> float:
        """Returns the frames per second of the pose; 1 where there is one frame."""
        if len(self.times) < 2:
            return 1.0
        return float((len(self.times) - 1) / (self.times[-1] - self.times[0]))

    def smooth(self, cutoff: float = 6.0) -> "Pose":
        """Returns the pose after a fourth-order zero-phase Butterworth low pass.

        Joints that were not seen are filtered as they were filled in. After `with_root`
        the path of the person is filtered, too.

        Args:
          cutoff: Hz, at which the gain is 1 / sqrt(2).

        Raises:
          JaxposeError: the times have no constant step, or the cutoff is not below half
            the rate.
        """
        self._require_constant_step("smooth")
        try:
            smoothed = filters.butterworth(self.positions_3d, self.rate, cutoff)
        except JaxposeError as error:
            raise JaxposeError(f"pose {self.name!r}: {error}") from None
        return dataclasses.replace(self, positions_3d=smoothed)

    def one_euro(self, min_cutoff: float = 1.0, beta: float = 5.0) -> "Pose":
        """Returns the pose after the One-Euro filter, which looks at no later frame.

        It lags a little and suits live use; `smooth` is better for whole recordings.

        Args:
          min_cutoff: Hz, at rest. A lower one removes more jitter.
          beta: Hz per metre per second. A higher one lags less in fast motion.

        Raises:
          JaxposeError: a parameter is out of range.
        """
        one_euro = filters.OneEuroFilter(min_cutoff, beta)
        smoothed = []
        for positions, time in zip(self.positions_3d, self.times, strict=True):
            smoothed.append(one_euro(positions, float(time)))
        return dataclasses.replace(self, positions_3d=np.stack(smoothed))

    def with_root(
        self,
        intrinsics: root.Intrinsics | None = None,
        fov: float | None = None,
        cutoff: float | None = 6.0,
        depth_cutoff: float | None = 2.0,
    ) -> "Pose":
        """Returns the pose with the place of the person, in the axes of the camera.

        Each frame is solved by least squares, so that the joints fall on their
        `keypoints_2d`. Frames with less than 4 seen joints are interpolated. The path
        then passes the filter of `smooth`; a cutoff that the frame rate is too low for
        is left out.

        The camera is that of `intrinsics`, `fov`, or `self.camera.intrinsics`, in this
        order. Without any of them a field of view of 55 degrees is assumed and said in
        `remarks`: distances are then right up to a factor.

        Args:
          intrinsics: (fx, fy, cx, cy) in pixels.
          fov: degrees that the longer side of the image spans.
          cutoff: Hz, for the place in the image; None for no filter.
          depth_cutoff: Hz, for the distance, which is far noisier; None for no filter.

        Raises:
          JaxposeError: the pose is upright already, both `intrinsics` and `fov` are
            given, no frame shows enough joints, or the times have no constant step,
            which the filters need.
        """
        if self.frame_of_reference.is_upright:
            raise JaxposeError(
                f"pose {self.name!r} is upright; call with_root before upright"
            )
        # The camera that is stated, else that of the pose, else a guess that is said.
        remarks = self.remarks
        camera = self.camera
        if intrinsics is not None or fov is not None:
            camera = root.camera_with(self.camera, intrinsics, fov)
        used = camera.intrinsics
        if used is None:
            used = root.intrinsics_of_fov(camera.image_size, root.DEFAULT_FOV)
            remarks += (
                "distances assume that the longer side of the image spans "
                f"{root.DEFAULT_FOV:g} degrees; state fov or intrinsics where known",
            )
        # A pose that has a place already is solved again from the hip.
        hip = self.body.root
        relative = self.positions_3d - self.positions_3d[:, hip : hip + 1]
        path = self._solve_path(relative, used, cutoff, depth_cutoff)
        return dataclasses.replace(
            self,
            positions_3d=relative + path[:, None],
            camera=camera,
            frame_of_reference=FrameOfReference.CAMERA,
            remarks=remarks,
        )

    def _solve_path(
        self,
        relative: np.ndarray,
        intrinsics: root.Intrinsics,
        cutoff: float | None,
        depth_cutoff: float | None,
    ) -> np.ndarray:
        """Returns the root `[F, 3]` in camera axes."""
        # Only joints that the detector saw tell where the person is.
        seen = self.seen & np.isfinite(self.keypoints_2d).all(axis=-1)
        rays = root.to_rays(self.keypoints_2d, intrinsics, self.camera.distortion)
        depth, line = root.solve_root(relative, rays, seen)
        known = np.isfinite(depth)
        if not known.any():
            raise JaxposeError(
                f"pose {self.name!r}: no frame shows {root.MIN_JOINTS} joints that fit "
                "the pose, so the place of the person is unknown"
            )
        depth = root.fill_between(depth, known, self.times)
        depth = self._filter_path(depth, depth_cutoff)
        # Where the filter moved the distance, the place in the image stays.
        sideways = line[:, 0] * depth[:, None] + line[:, 1]
        sideways = root.fill_between(sideways, known, self.times)
        sideways = self._filter_path(sideways, cutoff)
        return np.concatenate([sideways, depth[:, None]], axis=1)

    def _filter_path(self, values: np.ndarray, cutoff: float | None) -> np.ndarray:
        """Returns `[F, ...]`, filtered where the frame rate allows it."""
        if cutoff is None or cutoff >= self.rate / 2:
            return values
        self._require_constant_step("with_root")
        return filters.butterworth(values, self.rate, cutoff)

    def upright(self, pitch: float | None = None) -> "Pose":
        """Returns the pose with y up, and with its root, the floor at y = 0.

        The origin is on the floor below the camera. Up is known from the pitch of a
        camera without roll, or estimated from trunk and legs: the median over the
        frames in which the person stands. `remarks` says which.

        Args:
          pitch: degrees by which the camera looks up; below 0 it looks down.

        Raises:
          JaxposeError: the pose is upright already, or there is no pitch and no frame
            in which the person stands.
        """
        if self.frame_of_reference.is_upright:
            raise JaxposeError(f"pose {self.name!r} is upright already")
        standing = gravity.find_standing(self.positions_3d, self.seen, self.body)
        if pitch is not None:
            up = gravity.up_of_pitch(pitch)
            remark = f"up is that of the stated camera pitch of {pitch:g} degrees"
        elif standing.any():
            up = gravity.estimate_up(self.positions_3d, standing, self.body)
            measured, roll = gravity.pitch_and_roll(up)
            frames = count_of(int(standing.sum()), "frame", "frames")
            remark = (
                f"up is estimated from {frames} in which the person stands: camera "
                f"pitch {measured:z.1f} and roll {roll:z.1f} degrees"
            )
        else:
            raise JaxposeError(
                f"pose {self.name!r}: the person stands in no frame, so up cannot be "
                "estimated; state the pitch of the camera in degrees (below 0 where it "
                "looks down)"
            )
        positions = self.positions_3d @ gravity.upright_axes(up).T
        frame_of_reference = FrameOfReference.UPRIGHT_FROM_HIP
        if self.frame_of_reference.has_root:
            frame_of_reference = FrameOfReference.UPRIGHT
            positions[..., 1] -= gravity.floor_height(positions, standing, self.body)
        return dataclasses.replace(
            self,
            positions_3d=positions,
            frame_of_reference=frame_of_reference,
            remarks=(*self.remarks, remark),
        )

    def bone_lengths(self) -> dict[str, float]:
        """Returns metres per bone, `{"right_hip-right_knee": 0.44, ...}`.

        They are medians over the frames in which both ends were seen.
        """
        lengths = bones.median_lengths(self.positions_3d, self.seen, self.body)
        named = {}
        for child, parent in self.body.bones:
            named[f"{self.joints[parent]}-{self.joints[child]}"] = float(lengths[child])
        return named

    def with_constant_bones(self) -> "Pose":
        """Returns the pose with `bone_lengths` in every frame.

        The root and the direction of every bone stay.
        """
        lengths = bones.median_lengths(self.positions_3d, self.seen, self.body)
        positions = bones.with_lengths(self.positions_3d, lengths, self.body)
        return dataclasses.replace(self, positions_3d=positions)

    def joint_angles(self) -> dict[str, np.ndarray]:
        """Returns `[F]` degrees per joint angle, as `jaxpose.pose.angles` defines them.

        The lean of the trunk is among them where the pose is upright.

        Raises:
          JaxposeError: the skeleton lacks a joint that this needs.
        """
        is_upright = self.frame_of_reference.is_upright
        return angles.joint_angles(self.positions_3d, self.body, is_upright)

    def save(self, path: str | pathlib.Path, overwrite: bool = False) -> pathlib.Path:
        """Writes the pose in the format of the ending: `walk.bvh`, `walk.trc`, ...

        Readers see either no file or the whole one.

        Args:
          path: the file.
          overwrite: whether a file that exists is replaced.

        Returns:
          The path.

        Raises:
          JaxposeError: unknown ending, the file exists, a package for the format is
            missing, or the file cannot be written.
        """
        from jaxpose.pose.writers import save  # formats are imported when used

        return save(self, pathlib.Path(path), overwrite)

    @staticmethod
    def load(path: str | pathlib.Path) -> "Pose":
        """Reads a pose that was saved as npz.

        Raises:
          JaxposeError: the file is missing, damaged or another kind of npz.
        """
        from jaxpose.pose.writers.npz import load

        return load(pathlib.Path(path))

    def view(
        self, *others: "Pose", video: str | pathlib.Path | None = None
    ) -> "Viewer":
        """Returns a page that a notebook shows in place.

            pose.view(video="walk.mp4").open()  # in the browser

        Args:
          others: other people of the same recording.
          video: file of the recording, to show the keypoints over its frames.

        Raises:
          JaxposeError: the people are not in one frame of reference, or the video is
            missing or too large to be a part of the page.
        """
        from jaxpose.pose.viewer import view

        return view((self, *others), video)

    def _require_constant_step(self, method: str) -> None:
        """Raises JaxposeError where the times of neighbouring frames differ in step."""
        steps = np.diff(self.times)
        if len(steps) and not np.allclose(steps, steps.mean(), rtol=1e-3, atol=0):
            raise JaxposeError(
                f"pose {self.name!r}: {method} needs a constant step of time, found "
                f"{steps.min():g} to {steps.max():g} s; fill in the missing frames"
            )
