"""Makes the schemas beside it from CustomResourceDefinitions: ``python make_schemas.py FILE.yaml ...``.

Of every served version of a definition it writes ``KIND_VERSION.json``: no descriptions (they are most of the size), no
status (we write none), and nothing allowed that the schema does not name, as the API server's strict field validation
has it. README.md says where the definitions came from. Run by hand when an operator's version moves, never by a test.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
KEPT = ("v1", "v1alpha1")
"""Versions we write manifests in; the older ones of the same kind are left out."""
SIZE_MAX = 400_000
"""Characters of one schema: Kafka's, with every template of every pod, has 300,000."""


def strict(schema: Any) -> Any:
    """The schema as plain JSON Schema: without descriptions, closed wherever it lists properties."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {
        key: {name: strict(part) for name, part in value.items()} if key == "properties" else strict(value)
        for key, value in schema.items()
        if key not in ("description", "default", "example", "externalDocs")
        and not (key.startswith("x-kubernetes-") and key != "x-kubernetes-int-or-string")
    }
    if closed.pop("x-kubernetes-int-or-string", False):
        closed.pop("type", None)
        closed["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if (
        "properties" in closed
        and "additionalProperties" not in closed
        and not schema.get("x-kubernetes-preserve-unknown-fields")
    ):
        closed["additionalProperties"] = False
    return closed


def main(paths: list[str]) -> None:
    for path in paths:
        definition = yaml.safe_load(Path(path).read_text())["spec"]
        kind = definition["names"]["kind"]
        versions = [version for version in definition["versions"] if version["served"]]
        for version in versions:
            if version["name"] not in KEPT or (version["name"] == "v1alpha1" and len(versions) > 1):
                continue
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"].pop("status", None)
            # What the API server adds to every object by itself.
            schema["properties"]["apiVersion"] = {"const": f"{definition['group']}/{version['name']}"}
            schema["properties"]["kind"] = {"const": kind}
            schema["properties"]["metadata"] = {"type": "object", "required": ["name"]}
            schema["required"] = sorted({*schema.get("required", ()), "apiVersion", "kind", "metadata"})
            text = json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n"
            assert len(text) <= SIZE_MAX, (kind, len(text))
            (HERE / f"{kind.lower()}_{version['name']}.json").write_text(text)
            print(f"{kind} {version['name']}: {len(text)} characters")


if __name__ == "__main__":
    main(sys.argv[1:])
