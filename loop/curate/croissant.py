"""Croissant metadata of an exported version: which files, which fields, for machines to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

VERSION = "http://mlcommons.org/croissant/1.0"
_LISTS = ("prompt", "chosen", "rejected", "completion")  # columns of messages
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


class Part(NamedTuple):
    """A Parquet file of the export with what describes it."""

    name: str  # config and split
    path: Path  # below the folder
    sha256: str
    bytes: int
    columns: Mapping[str, str]  # column → Arrow type as text


def croissant(
    *, name: str, description: str, licences: Sequence[str], at: datetime, parts: Sequence[Part]
) -> dict[str, Any]:
    """The metadata as JSON-LD.

    Args:
        name: Of the dataset version.
        description: A sentence.
        licences: Of its rows.
        at: When the version was made.
        parts: Its files.

    Source: MLCommons, "Croissant Format Specification 1.0".
    """
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": name,
        "description": description,
        "url": f"urn:ratchet:{name}",
        "version": "1.0.0",
        "datePublished": at.date().isoformat(),
        "license": list(licences),
        "citeAs": f"Ratchet dataset version {name}",
        "distribution": [_file(part) for part in parts],
        "recordSet": [_record_set(part) for part in parts],
    }


def _file(part: Part) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"{part.name}.parquet",
        "name": f"{part.name}.parquet",
        "contentUrl": part.path.as_posix(),
        "contentSize": f"{part.bytes} B",
        "encodingFormat": "application/x-parquet",
        "sha256": part.sha256,
    }


def _record_set(part: Part) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": part.name,
        "name": part.name,
        "field": [_field(part, column, kind) for column, kind in part.columns.items()],
    }


def _field(part: Part, column: str, kind: str) -> dict[str, Any]:
    id = f"{part.name}/{column}"
    field: dict[str, Any] = {"@type": "cr:Field", "@id": id, "name": id}
    if column in _LISTS:
        return {
            **field,
            "repeated": True,
            "subField": [
                {
                    "@type": "cr:Field",
                    "@id": f"{id}/{key}",
                    "name": f"{id}/{key}",
                    "dataType": "sc:Text",
                    "source": {**_source(part, column), "transform": {"jsonPath": f"[*].{key}"}},
                }
                for key in ("role", "content")
            ],
        }
    if kind.startswith("list"):
        field["repeated"] = True
    return {**field, "dataType": _data_type(kind), "source": _source(part, column)}


def _source(part: Part, column: str) -> dict[str, Any]:
    return {"fileObject": {"@id": f"{part.name}.parquet"}, "extract": {"column": column}}


def _data_type(kind: str) -> str:
    if kind == "bool":
        return "sc:Boolean"
    if kind.startswith(("float", "double")):
        return "sc:Float"
    return "sc:Integer" if kind.startswith("int") else "sc:Text"
