"""Names of videos become names of files."""

from jaxpose.recordings.names import file_name


def test_short_names_stay_and_separators_are_escaped():
    assert file_name("walk [left]") == "walk [left]"
    assert file_name("a/b:c") == "a%2Fb%3Ac"
    assert file_name("..") == "%2E%2E"


def test_names_of_300_characters_are_cut_and_stay_different(tmp_path):
    first, second = "é" * 299 + "a", "é" * 299 + "b"
    names = {file_name(first), file_name(second)}
    assert len(names) == 2
    for name in names:
        (tmp_path / f"{name}.json").touch()
        assert name.startswith("é" * 60 + "-")
