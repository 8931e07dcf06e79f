"""Files that a program writes: `make generate` renews them, `make check` looks for drift."""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CRD = "scim-operator.io_scimtenants.yaml"


def generated() -> dict[Path, str]:
    """Return every generated file's path and the text it must have."""
    crd = subprocess.run(
        [sys.executable, "-m", "scim_operator", "crd"], check=True, capture_output=True, text=True
    ).stdout
    return {
        ROOT / "crds" / CRD: crd,
        # Helm reads no file outside the chart's folder.
        ROOT / "charts" / "scim-operator" / "files" / "crds" / CRD: crd,
    }


def main() -> int:
    """Write the files, or with `--check` name those that differ and exit with 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on drift")
    check = parser.parse_args().check
    drifted = {
        path: text
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path, text in drifted.items():
        name = path.relative_to(ROOT)
        if check:
            print(f"error: {name} is not what the code says; run `make generate`", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return 1 if check and drifted else 0


if __name__ == "__main__":
    sys.exit(main())
