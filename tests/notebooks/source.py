"""The notebooks as they are stored."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@dataclass(frozen=True)
class Notebook:
    """A notebook's cells."""

    path: Path

    @cached_property
    def cells(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.path.read_text("utf-8"))["cells"]
        return found

    def sources(self, kind: str) -> list[str]:
        return ["".join(cell["source"]) for cell in self.cells if cell["cell_type"] == kind]

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters' cell, which tests and readers change."""
        (found,) = [cell for cell in self.cells if "parameters" in cell["metadata"].get("tags", ())]
        return found

    @cached_property
    def names(self) -> set[str]:
        """The names of the parameters."""
        statements = ast.parse("".join(self.parameters["source"])).body
        targets = [target for each in statements if isinstance(each, ast.Assign) for target in each.targets]
        return {target.id for target in targets if isinstance(target, ast.Name)}

    @cached_property
    def code(self) -> ast.Module:
        return ast.parse("\n\n".join(self.sources("code")))

    def nodes(self, *kinds: type[ast.AST]) -> list[Any]:
        return [node for node in ast.walk(self.code) if isinstance(node, kinds)]

    def run(self, **parameters: Any) -> dict[str, Any]:
        """Run the cells here with other parameters; return the value of each last line by cell."""
        names: dict[str, Any] = {"__name__": "__main__", "display": lambda *shown: None}
        shown: dict[str, Any] = {}
        for cell in self.cells:
            if cell["cell_type"] != "code":
                continue
            body = ast.parse("".join(cell["source"])).body
            if cell == self.parameters:
                body += ast.parse("\n".join(f"{name} = {value!r}" for name, value in parameters.items())).body
            last = body.pop() if isinstance(body[-1], ast.Expr) else None
            place = f"{self.path.stem}, cell {cell['id']}"
            exec(compile(ast.Module(body, []), place, "exec", dont_inherit=True), names)  # noqa: S102 - our own notebooks
            if isinstance(last, ast.Expr):
                whole = compile(ast.Expression(last.value), place, "eval", dont_inherit=True)
                shown[cell["id"]] = eval(whole, names)  # noqa: S307
        return shown
