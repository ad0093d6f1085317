import pytest

from flows.cli.outputs import write_files


def test_every_file_is_written_and_named_with_its_size(tmp_path, capsys):
    contents = {tmp_path / "cow.obj": b"#" * 2048, tmp_path / "cow.mtl": b"#"}
    write_files(contents, tmp_path / "cow.jpg", tmp_path / "cow.obj")
    assert {file: file.read_bytes() for file in contents} == contents
    assert capsys.readouterr().out.splitlines() == [f"{tmp_path}/cow.obj  2 KB", f"{tmp_path}/cow.mtl  0 KB"]


def test_the_source_is_not_written_over(tmp_path, capsys):
    (tmp_path / "cow.glb").write_bytes(b"before")
    with pytest.raises(ValueError, match="is what it would be made of; choose another name"):
        write_files({tmp_path / "cow.glb": b"after"}, tmp_path / "cow.glb", tmp_path / "cow.glb")
    assert (tmp_path / "cow.glb").read_bytes() == b"before" and not capsys.readouterr().out
