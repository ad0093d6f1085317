"""What ends a command, in one sentence where somebody can mend it; what nobody could foresee is a bug and says so."""

import errno
import os
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = tuple(str(ROOT / package) + os.sep for package in ("flows", "tasks", "models", "storage"))
BUG = "this is a bug in farm3d, please report it with the command and what follows"
MEMORY = "there is not enough memory; close other programs, give smaller photos, or fewer at a time"
HOMELESS = "this user has no home folder; set HOME to a folder that can be written to"
REMEDIES = {
    errno.EACCES: "change its permissions, or choose another place",
    errno.EPERM: "change its permissions, or choose another place",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.ENOENT: "check its spelling",
    errno.EMFILE: "raise the limit with `ulimit -n 4096`",
}


def explain_failure(error: Exception) -> str | None:
    """One sentence on what went wrong and what to do about it; None for a bug.

    A ValueError is on purpose where our own code raised it, and a bug where a library did.
    """
    from pydantic import ValidationError

    from models.core.errors import Farm3dError
    from storage.store.errors import StorageError, words

    if isinstance(error, Farm3dError | StorageError):
        return str(error)
    if isinstance(error, ValidationError):
        return words(error)
    if isinstance(error, ValueError):
        return str(error) if _is_raised_here(error.__traceback__) else None
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "out of memory" in str(error)):
        return MEMORY
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return HOMELESS
    if isinstance(error, OSError):
        return _explain_system(error) or words(error)
    if type(error).__module__.startswith("botocore."):
        return f"{words(error)}; set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for another store, AWS_ENDPOINT_URL"
    return None


def _explain_system(error: OSError) -> str | None:
    if error.errno is None or error.filename is None:
        return None
    remedy = REMEDIES.get(error.errno, "mend that and run the command again")
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else error.filename
    return f"{name}: {os.strerror(error.errno).lower()}; {remedy}"


def _is_raised_here(traceback: TracebackType | None) -> bool:
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    return traceback is None or traceback.tb_frame.f_code.co_filename.startswith(PACKAGES)
