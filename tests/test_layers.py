"""The walls of the package: imports point down, every module has a floor, no file grows too long."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "eigenspace"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 600


def test_import_contract():
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    assert command, "import-linter is not installed; run `make test`"
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE, f"{path.name} is too long; split it"
    assert ast.get_docstring(ast.parse(text)), f"{path.name} has no docstring"
    for node in ast.walk(ast.parse(text)):
        assert not isinstance(node, ast.Global), f"{path.name}:{node.lineno} assigns a global"


def delegated(tree):
    """The import statements of methods of `Network` that do nothing but call the public function of their name."""
    found = []
    for network in (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Network"):
        for method in (n for n in network.body if isinstance(n, ast.FunctionDef)):
            match method.body:
                case [
                    ast.Expr(),
                    ast.Import(names=[ast.alias(name="eigenspace")]) as face,
                    ast.Return(value=ast.Call(func=ast.Attribute(value=ast.Name(id="eigenspace"), attr=name))),
                ] if name == method.name:
                    found.append(face)
    return found


def test_face_and_command_line_are_on_top():
    """Nothing in the package imports its face or its command line, but `Network.draw`, which is `eigenspace.draw`."""
    for path in MODULES:
        if path == PACKAGE / "__init__.py" or path.parent == PACKAGE / "cli":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        allowed = delegated(tree) if path == PACKAGE / "parts.py" else []
        for node in ast.walk(tree):
            if node in allowed:
                continue
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            assert not (isinstance(node, ast.Import) and "eigenspace" in names), path.name
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[-1] != "cli", path.name
                if node.module == "eigenspace" or (node.level == 1 and not node.module and path.parent == PACKAGE):
                    modules = {p.stem for p in PACKAGE.glob("*")}
                    assert set(names) <= modules - {"cli"}, f"{path.name}:{node.lineno} imports from the face"
