"""Archives of Acclaim files: several at once, bzip2, and what is refused."""

import bz2
import pathlib
import struct
import tracemalloc
import zipfile

import pytest

from jaxpose.datasets.acclaim import archives
from jaxpose.datasets.acclaim.archives import Archive, find_takes, open_archives
from jaxpose.datasets.cmu_mocap.cmu_mocap_dataset_builder import Builder
from jaxpose.errors import JaxposeError
from tests.datasets.small_cmu import AMC_FRAMES, amc_text, member, write_archive

FILES = Builder.FILES


def _takes(*sources: pathlib.Path) -> list[archives.Take]:
    return find_takes(open_archives(sources, FILES), FILES, [])


def _change(path: pathlib.Path, name: str, text: str) -> None:
    """Replaces a file of an archive."""
    with zipfile.ZipFile(path) as old:
        contents = {entry: old.read(entry) for entry in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for entry, content in {**contents, name: text}.items():
            new.writestr(entry, content)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]
)
def test_members_are_read_by_every_usual_method(tmp_path, method):
    path = write_archive(tmp_path / "a.zip", {"60": (3,)}, method)
    expected = amc_text(AMC_FRAMES, {"lhumerus": (30.0, 5.0, 0.0)})
    assert Archive(path).read(member("60", 3)) == expected


def test_a_bzip2_member_longer_than_a_part_is_read_whole(tmp_path):
    text = "".join(f"{number}\n" for number in range(40_000))
    assert len(text) > 3 * archives._PART
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("long.amc", text)
        file.writestr("empty.amc", "")
    archive = Archive(tmp_path / "a.zip")
    assert archive.read("long.amc") == text
    assert archive.read("empty.amc") == ""


def test_takes_of_two_archives_are_merged_in_order(tmp_path):
    one = write_archive(tmp_path / "one.zip", {"01": (1, 3), "135": (2,)})
    two = write_archive(tmp_path / "two.zip", {"902": (1,), "01": (2,)})
    takes = _takes(one, two)
    assert [take.name for take in takes] == [
        *("01_01", "01_02", "01_03", "135_02", "902_01")
    ]
    # Each take has the skeleton of its own archive.
    assert [take.skeleton.archive.path.name for take in takes] == [
        *("one.zip", "two.zip", "one.zip", "one.zip", "two.zip")
    ]
    assert str(takes[1].motion) == f"{two}/{member('01', 2)}"


def test_a_folder_holds_archives_and_extracted_trees(tmp_path):
    (tmp_path / "more").mkdir()
    write_archive(tmp_path / "allasfamc.zip", {"01": (1,)})
    write_archive(tmp_path / "more" / "allasfamc_2.zip", {"02": (1,)})
    write_archive(tmp_path / "another.zip", {"03": (1,)})
    with zipfile.ZipFile(write_archive(tmp_path / "x", {"05": (1,)})) as file:
        file.extractall(tmp_path / "tree")
    assert [take.name for take in _takes(tmp_path)] == ["01_01", "02_01", "05_01"]


def test_a_skeleton_may_lie_in_another_archive(tmp_path):
    skeletons = write_archive(tmp_path / "asf.zip", {"01": ()})
    with zipfile.ZipFile(tmp_path / "amc.zip", "w") as file:
        file.writestr("01_07.amc", amc_text(2))
    (take,) = _takes(tmp_path / "amc.zip", skeletons)
    assert (take.name, str(take.skeleton)) == ("01_07", f"{skeletons}/{member('01')}")


def test_a_take_in_both_archives_counts_once_if_it_is_the_same(tmp_path):
    one = write_archive(tmp_path / "one.zip", {"01": (1, 2)})
    two = write_archive(tmp_path / "two.zip", {"01": (2, 3)}, zipfile.ZIP_BZIP2)
    takes = _takes(one, two)
    assert [take.name for take in takes] == ["01_01", "01_02", "01_03"]
    assert takes[1].motion.archive.path == one
    _change(two, member("01", 2), amc_text(AMC_FRAMES))  # another pose
    with pytest.raises(
        JaxposeError,
        match=r"take 01_02 has two contents, in .*one\.zip.* and in .*two\.zip.*remove",
    ):
        _takes(one, two)


def test_a_take_that_is_cut_off_in_one_archive_is_taken_whole(tmp_path):
    one = write_archive(tmp_path / "one.zip", {"01": (1,)})
    whole = amc_text(AMC_FRAMES, {"lhumerus": (10.0, 5.0, 0.0)})
    lines = whole.splitlines()
    cut = "\r\n".join(lines[: lines.index("5")]) + "\r\n"
    for first in (True, False):
        two = write_archive(tmp_path / f"{first}.zip", {"01": (1,)})
        _change(two, member("01", 1), cut)
        notes = []
        archives_in_order = open_archives([two, one] if first else [one, two], FILES)
        (take,) = find_takes(archives_in_order, FILES, notes)
        assert take.motion.read() == whole
        (note,) = notes
        assert note.startswith(f"take 01_01: {two}/")
        assert note.endswith(f"its beginning alone, taken from {take.motion}")


def _claim(path: pathlib.Path, name: str, size: int) -> None:
    """Changes the size that the list of an archive claims for a file."""
    content = bytearray(path.read_bytes())
    entry = content.rindex(name.encode()) - 46
    assert content[entry : entry + 4] == b"PK\x01\x02"
    content[entry + 24 : entry + 28] = struct.pack("<I", size)
    path.write_bytes(content)


def test_more_bytes_than_any_motion_has_are_not_unpacked(tmp_path):
    path = write_archive(tmp_path / "a.zip", {"01": (1,)})
    _claim(path, member("01", 1), 2**31)
    with pytest.raises(
        JaxposeError, match=r"cannot read .*01_01\.amc \(it has 2,147,483,648 bytes"
    ):
        Archive(path).read(member("01", 1))


def test_a_large_file_of_a_folder_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "01_01.amc").write_text("x" * 11)
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 10)
    with pytest.raises(JaxposeError, match="it has 11 bytes; expected at most 10"):
        Archive(tmp_path).read("01_01.amc")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_member_that_unpacks_to_more_than_it_claims_takes_no_memory(tmp_path, method):
    name, claimed = "01_01.amc", 1000
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as file:
        file.writestr(name, bytes(50_000_000))
    packed = len(bz2.compress(bytes(50_000_000)))
    assert packed < archives._PART  # one part of it unpacks to all of the bytes
    _claim(tmp_path / "a.zip", name, claimed)
    archive = Archive(tmp_path / "a.zip")
    tracemalloc.start()
    with pytest.raises(JaxposeError, match=r"cannot read 01_01\.amc"):
        archive.read(name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


def test_other_methods_and_cut_streams_are_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("01_01.amc", amc_text(3))
    with pytest.raises(JaxposeError, match=r"method 14; expected stored, deflate or"):
        Archive(path).read("01_01.amc")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("01_01.amc", amc_text(3))
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"01_01.amc") - 46
    (size,) = struct.unpack("<I", content[entry + 20 : entry + 24])
    content[entry + 20 : entry + 24] = struct.pack("<I", size - 9)
    path.write_bytes(content)
    with pytest.raises(JaxposeError, match="its bzip2 stream is cut short"):
        Archive(path).read("01_01.amc")
