"""The public names are what they say, and cost nothing until they are used."""

import subprocess
import sys

import embedgrad

QUICK = "import sys; {}; print([m for m in ('torch', 'transformers', 'scipy', 'matplotlib') if m in sys.modules])"


def test_names() -> None:
    assert sorted(embedgrad.__all__) == embedgrad.__all__ == dir(embedgrad)
    for name in embedgrad.__all__:
        value = getattr(embedgrad, name)
        assert value.__name__ == name
        assert value.__module__.startswith("embedgrad.")
        assert value.__doc__, f"{name} says nothing about itself"
    assert embedgrad.__version__


def test_importing_and_helping_load_no_torch() -> None:
    for code in ("import embedgrad", "from embedgrad.cli.main import main; main(['--help'])"):
        done = subprocess.run([sys.executable, "-c", QUICK.format(code)], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"
