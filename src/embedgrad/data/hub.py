"""Files of a data set where it was published: at one commit, checked, and kept after the first time.

Nothing is downloaded unless the user names the data set and gives no rows for it.
"""

from __future__ import annotations

import hashlib
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from embedgrad.arguments import home_path
from embedgrad.durable import make_folder, write_file
from embedgrad.errors import DataError, EmbedgradError
from embedgrad.faces import setting
from embedgrad.named_file import read_named

_TIMEOUT_SECONDS = 60
_OFFLINE = "downloads are switched off (HF_HUB_OFFLINE)"


@dataclass(frozen=True)
class HubFile:
    """A file of a data set on the Hugging Face Hub. Kept in the Hub's own cache."""

    repository: str
    revision: str
    path: str
    sha256: str | None = None

    @property
    def url(self) -> str:
        return f"https://huggingface.co/datasets/{self.repository}/resolve/{self.revision}/{self.path}"

    def download(self) -> Path:
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(self.repository, self.path, repo_type="dataset", revision=self.revision))


@dataclass(frozen=True)
class WebFile:
    """A file at a URL that names a commit. Kept in `$XDG_CACHE_HOME/embedgrad` (by default `~/.cache/embedgrad`)."""

    url: str
    sha256: str | None = None

    def download(self) -> Path:
        from huggingface_hub import constants

        path = self.cached
        if not path.exists():
            if constants.HF_HUB_OFFLINE:  # one switch for all downloads
                raise OSError(_OFFLINE)
            with urllib.request.urlopen(self.url, timeout=_TIMEOUT_SECONDS) as answer:
                data = answer.read()
            make_folder(path.parent)
            write_file(path, data)
        return path

    @property
    def cached(self) -> Path:
        folder = home_path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "embedgrad"
        return folder / f"{hashlib.sha256(self.url.encode()).hexdigest()[:16]}-{self.url.rsplit('/', 1)[1]}"


OriginFile = HubFile | WebFile


def fetch(file: OriginFile) -> Path:
    """The file on this machine. Raises DataError where it cannot be had or is another than expected."""
    try:
        path = file.download()
        data = read_named(path) if file.sha256 else b""
    except EmbedgradError:
        raise
    except Exception as error:  # urllib, http.client, the Hub's HTTP client and Xet share no base class
        raise DataError(
            f"{file.url} could not be downloaded: {_reason(error)}. Get the file on a machine that reaches it, and "
            f"name it with {setting('data')}."
        ) from error
    if file.sha256 and (found := hashlib.sha256(data).hexdigest()) != file.sha256:
        forget(file)
        raise DataError(
            f"{file.url} is another file than expected: its SHA-256 is {found}, expected {file.sha256}. Nothing of it "
            f"was used. If you trust a copy of yours, name it with {setting('data')}."
        )
    return path


def forget(file: OriginFile) -> None:
    """Have a WebFile downloaded again the next time; the Hub's cache is left as it is."""
    if isinstance(file, WebFile):
        file.cached.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    """Why a download failed, in a few words: the Hub's own messages are long."""
    from huggingface_hub import constants
    from huggingface_hub.errors import LocalEntryNotFoundError

    if isinstance(error, LocalEntryNotFoundError):  # neither on the Hub's side nor in its cache
        return _OFFLINE if constants.HF_HUB_OFFLINE else "the Hub cannot be reached"
    words = str(error.reason) if isinstance(error, URLError) else str(error)
    return (words.strip() or type(error).__name__).splitlines()[0].rstrip(".")
