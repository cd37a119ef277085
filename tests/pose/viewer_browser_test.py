"""The page of poses as a person sees it, in a headless Chromium."""

import base64
import dataclasses
import io
import time

import numpy as np
import pytest
from PIL import Image

from experiments.browser import Page, find_chromium
from jaxpose.pose.viewer import write_html
from tests.pose.made_pose import RIGHT_WRIST, waving

pytestmark = [
    pytest.mark.skipif(not find_chromium(), reason="there is no Chromium here"),
    pytest.mark.xdist_group("browser"),
]
# The part of a canvas that is drawn; faint lines and shadows do not count.
DRAWN = """(() => {
  const canvas = document.getElementById(ID);
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  let count = 0;
  for (let k = 3; k < data.length; k += 4) count += data[k] > 40;
  return count / (width * height);
})()"""
NAME = "</script> a & b"
PICTURE = "document.getElementById(ID).toDataURL()"
FRAME = "document.getElementById('frame').textContent"


def look(page, script, element):
    """Returns what a script says of an element that is drawn completely."""
    page.settle()
    return page.evaluate(script.replace("ID", f"'{element}'"))


@pytest.fixture(scope="module")
def poses():
    first = waving(name=NAME, first_frame=100, unseen=[RIGHT_WRIST])
    return [first, waving(30, first_frame=110, person=2)]


@pytest.fixture(scope="module")
def file(tmp_path_factory, poses):
    file = tmp_path_factory.mktemp("viewer") / "page.html"
    write_html(poses, file)
    return file


@pytest.fixture(scope="module")
def page(file):
    with Page(file) as page:
        page.wait_for(f"{FRAME} === 'frame 100'")
        yield page
        assert page.problems == []
        assert page.requests == [file.as_uri()]


@pytest.fixture(autouse=True)
def begin(page):
    page.press("Home")


def test_names_people_and_units_are_written(page):
    assert page.evaluate("document.querySelector('h1').textContent") == NAME
    assert page.evaluate("document.title") == NAME
    facts = page.evaluate("document.getElementById('facts').textContent").split("  ·  ")
    assert facts == ["40 frames", "1.6 s", "25 fps", "2 people", "a model"]
    caption = page.evaluate("document.getElementById('space-caption').textContent")
    reference, *remarks = caption.split("  ·  ")[1:]
    assert reference == "camera axes, relative to the hip"
    assert remarks == ["set side by side", "feet set on the floor"]
    legend = page.evaluate("document.getElementById('legend').innerText").split("\n")
    sides = ["left", "right"]
    people = ["Person 1", *sides, "Person 2", *sides]
    assert [text for text in legend if text] == [*people, "not seen, filled in"]


def test_the_script_reads_the_numbers_that_were_written(page, poses):
    page.evaluate(
        "Recording.read(JSON.parse(document.getElementById('content').textContent))"
        ".then((recording) => { window.read = recording; })"
    )
    for number, pose in enumerate(poses):
        person = f"read.people[{number}]"
        positions = np.array(page.evaluate(f"Array.from({person}.positions)"))
        error = positions.reshape(-1, 17, 3) - pose.positions_3d
        assert np.abs(error).max() < 0.51e-4
        keypoints = np.array(page.evaluate(f"Array.from({person}.keypoints)"))
        error = keypoints.reshape(-1, 17, 2) - pose.keypoints_2d
        assert np.abs(error[pose.seen]).max() < 0.051
    rows = page.evaluate("Array.from(read.people[1].rowOf)")
    assert rows == [-1] * 10 + list(range(30))


def test_remarks_open_on_request(page, poses, tmp_path):
    assert page.evaluate("document.getElementById('remarks').hidden")
    file = tmp_path / "page.html"
    write_html([dataclasses.replace(poses[0], remarks=("a", "<b>"))], file)
    with Page(file) as other:
        other.wait_for("!document.getElementById('remarks').hidden")
        shown = "document.getElementById('remarks').innerText"
        assert other.evaluate(shown) == "2 remarks"
        other.evaluate("document.querySelector('#remarks summary').click()")
        assert other.evaluate(shown).split("\n") == ["2 remarks", "a", "<b>"]


@pytest.mark.parametrize(
    ("canvas", "least"), [("image", 0.01), ("space", 0.02), ("track", 0.1)]
)
def test_each_canvas_is_drawn(page, canvas, least):
    assert look(page, DRAWN, canvas) > least


def test_the_time_line_changes_the_picture(page):
    before = [look(page, PICTURE, canvas) for canvas in ("image", "space", "track")]
    page.evaluate(
        "document.getElementById('position').value = 20;"
        "document.getElementById('position').dispatchEvent(new Event('input'))"
    )
    assert page.evaluate(FRAME) == "frame 120"
    assert page.evaluate("document.getElementById('time').textContent") == "0:04.80"
    after = [look(page, PICTURE, canvas) for canvas in ("image", "space", "track")]
    assert all(old != new for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("keys", "frame"),
    [
        (["ArrowRight"], 101),
        (["ArrowRight", "ArrowRight", "ArrowLeft"], 101),
        (["End"], 139),
        (["End", "ArrowRight"], 139),
        (["End", "Home"], 100),
    ],
)
def test_keys_step_through_the_frames(page, keys, frame):
    for key in keys:
        page.press(key)
    assert page.evaluate(FRAME) == f"frame {frame}"


def test_space_plays_and_pauses(page):
    page.press(" ")
    page.wait_for(f"{FRAME} !== 'frame 100'")
    assert page.evaluate("document.getElementById('play').ariaLabel") == "Pause"
    page.press(" ")
    stopped = page.evaluate(FRAME)
    page.settle()
    assert page.evaluate(FRAME) == stopped
    assert page.evaluate("document.getElementById('play').ariaLabel") == "Play"


def test_the_mouse_turns_the_person_and_a_key_looks_from_the_top(page):
    before = look(page, PICTURE, "space")
    page.drag((900, 400), (1050, 380))
    turned = look(page, PICTURE, "space")
    assert turned != before
    page.press("3")
    pressed = "document.querySelector('[data-view=top]').ariaPressed"
    assert page.evaluate(pressed) == "true"
    page.wait_for(f"{PICTURE.replace('ID', repr('space'))} !== '{turned}'")


def test_a_joint_below_the_mouse_is_named_with_its_place(page, poses):
    # The image's own scale and place, from two joints of the first person.
    page.settle()
    place = page.evaluate(
        "(() => { const box = document.getElementById('image').getBoundingClientRect();"
        "const hip = player.image.joints.find(({joint}) => joint === 10);"
        "return [box.left + hip.x, box.top + hip.y]; })()"
    )
    page.hover(*place)
    label = page.evaluate("document.querySelector('#image-panel .joint').innerText")
    assert label == "head0.000 -0.720 0.000 m"
    page.hover(5, 5)
    hidden = page.evaluate("document.querySelector('#image-panel .joint').hidden")
    assert hidden


def test_the_page_fits_a_phone_in_the_dark(file):
    with Page(file, width=390, height=844, density=2, dark=True, touch=True) as phone:
        phone.wait_for(f"{FRAME} === 'frame 100'")
        assert look(phone, DRAWN, "space") > 0.02
        size = phone.evaluate(
            "[document.documentElement.scrollWidth, "
            "document.documentElement.scrollHeight]"
        )
        assert size == [390, 844]
        colour = phone.evaluate("getComputedStyle(document.body).backgroundColor")
        assert colour == "rgb(18, 20, 24)"
        assert phone.problems == []


# Records a green picture for half a second, and returns the file in base64.
GREEN_VIDEO = """new Promise((done) => {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const paint = () => {
    context.fillStyle = "#00c000";
    context.fillRect(0, 0, canvas.width, canvas.height);
  };
  paint();
  const stream = canvas.captureStream(25);
  const recorder = new MediaRecorder(stream, { mimeType: "video/webm" });
  recorder.ondataavailable = async ({ data }) => {
    const bytes = new Uint8Array(await data.arrayBuffer());
    done(btoa(String.fromCharCode(...bytes)));
  };
  recorder.start();
  const timer = setInterval(paint, 40);
  setTimeout(() => { clearInterval(timer); recorder.stop(); }, 500);
})"""
CAPTION = "document.getElementById('image-caption').textContent"


def test_a_video_lies_below_the_keypoints(page, tmp_path, poses):
    video, file = tmp_path / "green.webm", tmp_path / "page.html"
    video.write_bytes(base64.b64decode(page.evaluate(GREEN_VIDEO)))
    write_html(poses, file, video=video)
    with Page(file) as other:
        other.wait_for("player !== null && player.video.ready")
        other.settle()
        assert other.problems == []
        # The middle of the image, where nobody stands.
        middle = "Math.round(player.image.canvas.height / 2)"
        pixel = (
            f"Array.from(player.image.context.getImageData(20, {middle}, 1, 1).data)"
        )
        # The video is drawn with the next picture after it is ready.
        other.wait_for(f"{pixel}[3] === 255")
        red, green, blue, _ = other.evaluate(pixel)
        assert green > 150
        assert max(red, blue) < 40


def test_a_video_that_cannot_be_played_leaves_the_keypoints(tmp_path, poses):
    video, file = tmp_path / "broken.mp4", tmp_path / "page.html"
    video.write_bytes(b"no video")
    write_html(poses, file, video=video)
    with Page(file) as other:
        other.wait_for(f"{CAPTION}.includes('cannot be played')")
        assert look(other, DRAWN, "image") > 0.002
        assert other.problems == []


def test_a_notebook_frame_draws_without_rights(tmp_path, poses):
    cell = tmp_path / "cell.html"
    cell.write_text(f"<!doctype html>{poses[0].view()._repr_html_()}")
    with Page(cell, height=600) as other:
        end = time.monotonic() + 20
        while not _has_left_limbs(other.screenshot()) and time.monotonic() < end:
            time.sleep(0.1)
        assert _has_left_limbs(other.screenshot())


def _has_left_limbs(png):
    """Whether a thousand pixels have the blue of left joints, or nearly."""
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int)
    return (np.abs(picture - [0x2E, 0x74, 0xB8]).max(-1) < 12).sum() > 1000
