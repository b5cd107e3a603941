"""Validates configurations as an editor does: by a schema, and nothing that knows what it is of."""

import json
import sys

import jsonschema
import yaml

asked = json.load(sys.stdin)
Validator = jsonschema.Draft202012Validator
Validator.check_schema(asked["schema"])
validator = Validator(asked["schema"])


def errors(text):
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(yaml.safe_load(text))]


json.dump([errors(text) for text in asked["configurations"]], sys.stdout)
