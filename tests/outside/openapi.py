#!/usr/bin/env python3
"""Checks the committed OpenAPI documents with a validator that is not ours: valid as OpenAPI 3.1, and every reference found."""

import json
import sys
from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator

folder = Path(__file__).resolve().parents[2] / "schemas" / "openapi"
documents = sorted(folder.glob("*.json"))
if len(documents) < 2:
    sys.exit(f"daybook: {folder} should hold the documents of both services, and holds {len(documents)}")
wrong = 0
for path in documents:
    errors = list(OpenAPIV31SpecValidator(json.loads(path.read_text())).iter_errors())
    print(f"{path.name}: {'valid' if not errors else f'{len(errors)} errors'}")
    for error in errors[:20]:
        print(f"  {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
    wrong += len(errors)
sys.exit(1 if wrong else 0)
