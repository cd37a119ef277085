"""The page of poses as a file: its numbers, its names, its size, its video."""

import base64
import dataclasses
import errno
import html.parser
import json
import zlib

import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.pose import FrameOfReference
from jaxpose.pose.viewer import video as page_video
from jaxpose.pose.viewer import write_html
from jaxpose.pose.viewer.content import HAS_KEYPOINT, SEEN
from tests.pose.made_pose import RIGHT_WRIST, waving


class Elements(html.parser.HTMLParser):
    """Collects attributes and texts of a page, as a browser reads it."""

    def __init__(self, page):
        super().__init__()
        self.attributes, self.texts, self._open = [], {}, []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.attributes.extend((tag, *attribute) for attribute in attributes)
        self._open.append(dict(attributes).get("id", tag))

    def handle_endtag(self, tag):
        self._open.pop() if self._open else None

    def handle_data(self, data):
        if self._open:
            name = self._open[-1]
            self.texts[name] = self.texts.get(name, "") + data


@pytest.fixture
def write(tmp_path):
    """Returns what writes a page and reads it back: (file, elements, content)."""

    def write(*poses, **options):
        file = tmp_path / "page.html"
        write_html(poses, file, **options)
        elements = Elements(file.read_text(encoding="utf-8"))
        return file, elements, json.loads(elements.texts["content"])

    return write


def unpack(text, columns):
    """Reads packed numbers by another way than the page: sums of bytes."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    low_to_high = planes.reshape(4, -1).astype(np.int64)
    changes = (low_to_high * 256 ** np.arange(4)[:, None]).sum(0)
    changes[changes >= 2**31] -= 2**32
    return np.cumsum(changes.reshape(-1, columns), axis=0)


def test_the_numbers_of_the_page_are_those_of_the_pose(write):
    pose = waving(first_frame=700, unseen=[RIGHT_WRIST])
    _, _, content = write(pose)
    [person] = content["people"]
    positions = unpack(person["positions"], 51).reshape(40, 17, 3) / 10_000
    assert np.abs(positions - pose.positions_3d).max() <= 0.5001e-4  # half of 0.1 mm
    keypoints = unpack(person["keypoints"], 34).reshape(40, 17, 2) / 10
    error = np.abs(keypoints - pose.keypoints_2d)[pose.seen]
    assert error.max() <= 0.05001  # half of 0.1 px
    flags = unpack(person["flags"], 17)
    assert set(flags[:, RIGHT_WRIST]) == {0}
    assert set(np.delete(flags, RIGHT_WRIST, axis=1).ravel()) == {SEEN + HAS_KEYPOINT}
    assert unpack(content["frames"], 1)[:, 0].tolist() == list(range(700, 740))
    np.testing.assert_allclose(unpack(content["times"], 1)[:, 0] / 10_000, pose.times)


def test_people_share_one_time_line(write):
    first, second = waving(10), waving(10, first_frame=6, person=2)
    _, _, content = write(first, second)
    assert unpack(content["frames"], 1)[:, 0].tolist() == list(range(16))
    rows = [unpack(person["rows"], 1)[:, 0].tolist() for person in content["people"]]
    assert rows == [list(range(10)), list(range(6, 16))]
    assert [person["person"] for person in content["people"]] == [1, 2]


def test_a_thousand_frames_of_noisy_motion_are_far_below_500_kb(write):
    pose = waving(1000)
    rng = np.random.default_rng(0)
    noisy = dataclasses.replace(
        pose,
        positions_3d=pose.positions_3d + rng.normal(scale=0.02, size=(1000, 17, 3)),
        keypoints_2d=pose.keypoints_2d + rng.normal(scale=3, size=(1000, 17, 2)),
    )
    file, _, _ = write(noisy)
    assert file.stat().st_size < 350_000


@pytest.mark.parametrize(
    "name",
    ["</script><script>alert(1)</script>", "<!-- <script>", "a\"b'c & <b>d", "$title"],
)
def test_a_name_is_text_and_nothing_else(write, name):
    _, elements, content = write(waving(name=name))
    assert content["name"] == name
    assert elements.texts["title"] == elements.texts["name"] == name
    _, plain, _ = write(waving(name="walk"), overwrite=True)
    assert elements.attributes == plain.attributes


def test_the_page_asks_for_nothing_from_elsewhere(write):
    file, elements, _ = write(waving())
    addresses = [value for _, name, value in elements.attributes if name in LINKS]
    assert addresses == ["data:,"]
    assert "http" not in file.read_text(encoding="utf-8").replace("http-equiv", "")


LINKS = ("src", "href", "action", "data", "poster", "srcset")


def test_a_small_video_is_a_part_of_the_page(write, tmp_path):
    video = tmp_path / "walk.webm"
    video.write_bytes(b"frames of a video")
    _, elements, content = write(waving(), video=video)
    assert content["video"] == {"type": "video/webm"}
    assert base64.b64decode(elements.texts["video"]) == b"frames of a video"


def test_a_large_video_is_linked_relative_to_the_page(write, tmp_path, monkeypatch):
    monkeypatch.setattr(page_video, "MOST_EMBEDDED_BYTES", 10)
    (tmp_path / "raw").mkdir()
    video = tmp_path / "raw" / "a #1 walk.mp4"
    video.write_bytes(b"frames of a video")
    _, elements, content = write(waving(), video=video)
    assert content["video"] == {"type": "video/mp4", "link": "raw/a%20%231%20walk.mp4"}
    assert "video" not in elements.texts
    with pytest.raises(JaxposeError, match="larger than the 1e-05 MB that a page"):
        waving().view(video=video)


def test_a_notebook_gets_the_page_in_a_frame(write):
    pose = waving(name='"walk" & </script>')
    file, _, _ = write(pose)
    frame = Elements(pose.view()._repr_html_())
    assert ("iframe", "sandbox", "allow-scripts") in frame.attributes
    [page] = [value for _, name, value in frame.attributes if name == "srcdoc"]
    assert page == file.read_text(encoding="utf-8")


def test_open_shows_a_file_in_the_browser(monkeypatch):
    shown = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    viewer = waving().view(waving(person=2))
    assert shown == []
    path = viewer.open()
    assert shown == [path.as_uri()]
    assert path.read_text(encoding="utf-8") == viewer.page


def test_a_file_is_replaced_only_when_asked(write):
    file, _, _ = write(waving(name="first"))
    with pytest.raises(JaxposeError, match=r"page\.html exists; state overwrite=True"):
        write(waving(name="second"))
    assert "first" in file.read_text(encoding="utf-8")
    write(waving(name="second"), overwrite=True)
    assert "second" in file.read_text(encoding="utf-8")


def test_nothing_half_written_stays(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(JaxposeError, match=r"page\.html cannot be written: No space"):
        write_html([waving()], tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_poses_that_cannot_share_a_page_are_refused(tmp_path):
    standing = dataclasses.replace(
        waving(person=2), frame_of_reference=FrameOfReference.UPRIGHT
    )
    file = tmp_path / "page.html"
    with pytest.raises(JaxposeError, match="no pose to show"):
        write_html([], file)
    with pytest.raises(JaxposeError, match=r"wave: person 2 is given in 'upright axes"):
        write_html([waving(), standing], file)
    with pytest.raises(JaxposeError, match=r"there is no video .*no\.mp4"):
        write_html([waving()], file, video=tmp_path / "no.mp4")
    assert not file.exists()


def test_remarks_are_listed_once_and_say_whose_they_are(write):
    both, one = "the field of view is assumed", "up is estimated"
    first = dataclasses.replace(waving(), remarks=(both,))
    second = dataclasses.replace(waving(person=2), remarks=(both, one))
    _, _, content = write(first, second)
    assert content["remarks"] == [both, f"person 2: {one}"]
    _, _, content = write(second, overwrite=True)
    assert content["remarks"] == [both, one]


def test_a_pose_is_saved_as_the_page_of_one_person(write, tmp_path):
    file, _, _ = write(waving())
    saved = waving().save(tmp_path / "wave.html")
    assert saved.read_bytes() == file.read_bytes()
