import os
import stat
import threading

import pytest

from storage.store import private
from storage.store.errors import NotPrivate
from storage.store.private import make_private_folder, open_private_file, write_private_file


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_for_its_owner_alone(tmp_path):
    assert mode(make_private_folder(tmp_path / "a" / "ours")) == 0o700


def test_a_folder_of_ours_that_others_may_read_is_closed(tmp_path):
    (tmp_path / "ours").mkdir(mode=0o755)
    assert mode(make_private_folder(tmp_path / "ours")) == 0o700


def test_a_folder_that_others_may_write_to_is_refused(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(NotPrivate, match=r"open: may be changed by others \(mode 0777\); remove it, or set TMPDIR"):
        make_private_folder(tmp_path / "open")


def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    (tmp_path / "theirs").mkdir(mode=0o700)
    monkeypatch.setattr(private.os, "getuid", lambda: os.geteuid() + 1)
    with pytest.raises(NotPrivate, match=f"theirs: belongs to user {os.geteuid()}"):
        make_private_folder(tmp_path / "theirs")


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/"), lambda path: path.write_text("")])
def test_a_link_or_a_file_in_the_place_of_a_folder_is_refused(make, tmp_path):
    make(tmp_path / "there")
    with pytest.raises(NotPrivate, match="there: is no plain folder"):
        make_private_folder(tmp_path / "there")


def test_a_private_file_is_readable_by_its_owner_alone_whatever_it_was(tmp_path):
    file = tmp_path / "secret"
    file.write_text("a longer text than the next")
    file.chmod(0o644)
    write_private_file(file, "short")
    assert file.read_text() == "short" and mode(file) == 0o600


def test_a_link_in_the_place_of_a_file_leaves_what_it_points_to(tmp_path):
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_text("precious")
    link.symlink_to(victim)
    with pytest.raises(NotPrivate, match="link: cannot be opened as a file of ours"):
        write_private_file(link, "gone")
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR])
def test_a_named_pipe_is_refused_at_once(flags, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    raised = []

    def attempt():
        with pytest.raises(NotPrivate) as error:
            open_private_file(tmp_path / "pipe", flags)
        raised.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(10)
    assert raised
