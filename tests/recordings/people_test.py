"""Who is who in a video, by the file's ids or by motion."""

import numpy as np
import pytest

from jaxpose.recordings.people import People, follow

# A body of 5 joints, 100 pixels high.
BODY = np.array([[0, 0], [-15, 25], [15, 25], [-12, 100], [12, 100]], float)


def walk(start: tuple[float, float], velocity: tuple[float, float], frames: int):
    """`[F, 5, 2]`: the body moves on evenly."""
    path = np.array(start) + np.arange(frames)[:, None] * np.array(velocity)
    return path[:, None] + BODY


class Video:
    """Collects detections, each with the name of who it really is."""

    def __init__(self) -> None:
        self.poses: list[np.ndarray] = []
        self.frames: list[int] = []
        self.ids: list[int] = []
        self.who: list[str] = []

    def add(self, who: str, poses: np.ndarray, frames: range, person_id: int = -1):
        for frame, pose in zip(frames, poses, strict=True):
            self.poses.append(pose)
            self.frames.append(frame)
            self.ids.append(person_id)
            self.who.append(who)

    def follow(self, seed: int = 0) -> tuple[People, list[str]]:
        """Returns who was found, and the names along each track, in a random order."""
        order = np.random.default_rng(seed).permutation(len(self.who))
        poses = np.array(self.poses)[order]
        confidence = np.full(poses.shape[:2], 0.9)
        frames, ids = np.array(self.frames)[order], np.array(self.ids)[order]
        found = follow(poses, confidence, frames, ids)
        names = np.array(self.who)[order]
        tracks = []
        for person in found.people:
            assert (np.diff(frames[person.rows]) > 0).all()  # at most one per frame
            tracks.append("".join(names[person.rows]))
        return found, tracks


def test_two_people_side_by_side_are_told_apart_without_ids():
    video = Video()
    video.add("a", walk((100, 100), (3, 0), 40), range(40))
    video.add("b", walk((250, 100), (3, 0), 40) * [1, 0.9], range(40))
    found, tracks = video.follow()
    assert tracks == ["a" * 40, "b" * 40]  # the larger one first
    assert [person.switches for person in found.people] == [0, 0]
    assert found.passing == 0


@pytest.mark.parametrize(("ids", "meetings"), [((-1, -1), 4), ((1, 2), 0)])
def test_frames_in_which_people_meet_are_counted_where_the_file_has_no_ids(
    ids, meetings
):
    # Bodies are 100 pixels high. In frames 8 to 12 b is 41, 21, 1, -19 and -39 pixels
    # to the right of a, and 30 below: under 50 away in all but the first.
    video = Video()
    video.add("a", walk((0, 100), (10, 0), 21), range(21), ids[0])
    video.add("b", walk((201, 130), (-10, 0), 21), range(21), ids[1])
    found, _ = video.follow()
    assert [person.meetings for person in found.people] == [meetings] * 2


def test_people_who_cross_keep_their_direction():
    video = Video()
    video.add("a", walk((0, 100), (5, 0), 80), range(80))
    video.add("b", walk((400, 115), (-5, 0), 80), range(80))
    _, tracks = video.follow()
    assert sorted(tracks) == ["a" * 80, "b" * 80]


def test_who_is_hidden_while_crossing_is_found_again():
    video = Video()
    video.add("a", walk((0, 100), (5, 0), 80), range(80))
    hidden = walk((400, 115), (-5, 0), 80)
    video.add("b", hidden[:33], range(33))
    video.add("b", hidden[48:], range(48, 80))
    found, tracks = video.follow()
    assert tracks == ["a" * 80, "b" * 65]
    assert found.people[1].switches == 0


def test_ids_are_followed_over_any_gap_and_jump():
    video = Video()
    video.add("a", walk((100, 100), (0, 0), 30), range(30), person_id=7)
    video.add("a", walk((900, 100), (0, 0), 30), range(600, 630), person_id=7)
    video.add("b", walk((500, 100), (0, 0), 50), range(580, 630), person_id=2)
    found, tracks = video.follow()
    assert sorted(tracks) == ["a" * 60, "b" * 50]
    assert [person.switches for person in found.people] == [0, 0]


def test_an_id_that_changes_is_joined_and_counted():
    video = Video()
    poses = walk((100, 100), (2, 0), 90)
    video.add("a", poses[:40], range(40), person_id=1)
    video.add("a", poses[45:], range(45, 90), person_id=3)
    video.add("b", walk((500, 100), (0, 0), 90), range(90), person_id=2)
    found, tracks = video.follow()
    assert sorted(tracks) == ["a" * 85, "b" * 90]
    switches = {
        track[0]: p.switches for track, p in zip(tracks, found.people, strict=True)
    }
    assert switches == {"a": 1, "b": 0}


def test_ids_that_are_exchanged_between_two_people_are_put_right():
    video = Video()
    for who, x, first_id, second_id in (("a", 100, 1, 2), ("b", 300, 2, 1)):
        poses = walk((x, 100), (1, 0), 60)
        video.add(who, poses[:30], range(30), person_id=first_id)
        video.add(who, poses[30:], range(30, 60), person_id=second_id)
    found, tracks = video.follow()
    assert sorted(tracks) == ["a" * 60, "b" * 60]
    assert [person.switches for person in found.people] == [1, 1]


@pytest.mark.parametrize("apart", [15, 30, 60])
def test_ids_that_are_exchanged_between_people_who_stand_close_are_put_right(apart):
    video = Video()
    for who, x, first_id, second_id in (("a", 100, 1, 2), ("b", 100 + apart, 2, 1)):
        poses = walk((x, 100), (0.3, 0), 60)
        video.add(who, poses[:30], range(30), person_id=first_id)
        video.add(who, poses[30:], range(30, 60), person_id=second_id)
    found, tracks = video.follow()
    assert sorted(tracks) == ["a" * 60, "b" * 60]
    assert [person.switches for person in found.people] == [1, 1]


def test_people_in_a_queue_who_take_the_place_of_the_one_ahead_keep_their_ids():
    video = Video()
    for number in range(4):
        poses = walk((30 * number, 100), (30, 0), 40)
        video.add("abcd"[number], poses, range(40), person_id=number)
    found, tracks = video.follow()
    assert sorted(tracks) == [name * 40 for name in "abcd"]
    assert all(person.switches == 0 for person in found.people)


def test_two_boxes_around_one_person_count_once():
    video = Video()
    poses = walk((100, 100), (2, 0), 30)
    video.add("a", poses, range(30))
    video.add("a", poses + 1.5, range(30))
    found, tracks = video.follow()
    assert tracks == ["a" * 30]
    assert found.passing == 0


def test_short_sights_are_left_out_and_counted():
    video = Video()
    video.add("a", walk((100, 100), (2, 0), 60), range(60))
    video.add("x", walk((400, 100), (0, 0), 2), range(20, 22))
    video.add("y", walk((700, 100), (0, 0), 1), range(41, 42))
    found, tracks = video.follow()
    assert tracks == ["a" * 60]
    assert found.passing == 2


def test_slips_in_every_frame_are_not_chained_into_people():
    video = Video()
    video.add("a", walk((100, 100), (2, 0), 1000), range(1000))
    rng = np.random.default_rng(0)
    for frame in range(1000):
        place = tuple(rng.uniform(0, 1000, 2))
        video.add("x", walk(place, (0, 0), 1), range(frame, frame + 1))
    _, tracks = video.follow()
    assert tracks == ["a" * 1000]


def test_the_only_person_is_one_wherever_he_comes_back():
    video = Video()
    video.add("a", walk((100, 100), (2, 0), 30), range(30))
    video.add("a", walk((200, 100), (2, 0), 30), range(100, 130))
    video.add("a", walk((900, 300), (2, 0), 30), range(500, 530))
    found, tracks = video.follow()
    assert tracks == ["a" * 90]
    # The last place is so far from the one before that it may be somebody else.
    assert found.people[0].switches == 1


def test_a_single_person_detector_that_alternates_shows_two_people():
    video = Video()
    stand, sit = walk((100, 100), (0, 0), 120), walk((600, 100), (0, 0), 120)
    for first in range(0, 120, 40):
        video.add("a", stand[first : first + 20], range(first, first + 20))
        video.add("b", sit[first : first + 20], range(first + 20, first + 40))
    _, tracks = video.follow()
    assert sorted(tracks) == ["a" * 60, "b" * 60]


def test_a_wild_pose_between_two_good_ones_is_left_out():
    video = Video()
    poses = walk((100, 100), (2, 0), 50)
    poses[25] += 400
    for frame in range(50):
        who = "x" if frame == 25 else "a"
        video.add(who, poses[frame : frame + 1], range(frame, frame + 1))
    found, tracks = video.follow()
    assert tracks == ["a" * 49]
    assert found.passing == 1


def test_an_array_of_one_person_is_kept_whole_whatever_it_does():
    poses = np.random.default_rng(0).uniform(0, 1000, (20, 5, 2))
    poses[3] = np.nan
    ids = np.zeros(20, int)
    found = follow(poses, np.ones((20, 5)), np.arange(20), ids)
    assert [person.rows.tolist() for person in found.people] == [list(range(20))]


def test_frames_far_apart_in_time_are_still_one_person():
    video = Video()
    jumps = np.array([[0, 0], [300, 0], [-200, 50], [500, 0], [0, 100], [250, 0]])
    for frame, (x, y) in enumerate(jumps):
        video.add("a", walk((300 + x, 100 + y), (0, 0), 1), range(frame, frame + 1))
    _, tracks = video.follow()
    assert tracks == ["a" * 6]


def test_nobody_is_nobody():
    unseen = np.full((4, 5, 2), np.nan)
    for rows in (0, 4):
        ids = np.full(rows, -1)
        found = follow(unseen[:rows], np.zeros((rows, 5)), np.arange(rows), ids)
        assert found == People((), 0)
