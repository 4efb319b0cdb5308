"""Removes what a program left behind, whatever it made of it: links, locked folders, folders without end."""

from __future__ import annotations

import contextlib
import os


def remove(folder: str) -> None:
    """Remove a folder and all in it; nobody may change it meanwhile.

    Folders inside are first brought beside it, so that no path grows and no recursion is needed. A link is removed,
    never followed: what it names may be anybody's.
    """
    todo, n_moved = [folder], 0
    while todo:
        here = todo.pop()
        with contextlib.suppress(OSError):
            os.chmod(here, 0o700)
            with os.scandir(here) as entries:
                found = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
            for path, is_folder in found:
                with contextlib.suppress(OSError):
                    if not is_folder:
                        os.unlink(path)
                        continue
                    n_moved += 1
                    aside = f"{folder}-{n_moved}"
                    os.chmod(path, 0o700)  # else it could not be moved by an ordinary user
                    os.rename(path, aside)
                    todo.append(aside)
            os.rmdir(here)
