"""Keep known images of persons in a folder, and ask who is on a new one."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from tabulate import tabulate

from mdpr.cli.reporting import Main, say, subcommand, subcommand_of_actions
from mdpr.files import write_atomically
from mdpr.inference.gallery import Gallery
from mdpr.inference.gallery.page import answers_table, write_page
from mdpr.inference.gallery.search import WAYS
from mdpr.inference.gallery.sources import read_sources


def _embedder(options: argparse.Namespace) -> Any:
    if options.model is None:
        return None
    from mdpr.inference.embedder import Embedder  # noqa: PLC0415 - features need no network

    return Embedder.from_file(options.model)


def _create(options: argparse.Namespace) -> int:
    facts = {name: getattr(options, name) for name in ("dimension", "fingerprint", "index", "tuning")}
    return _tell(Gallery.create(options.gallery, _embedder(options), **facts))


def _add(options: argparse.Namespace) -> int:
    gallery = Gallery.open(options.gallery, _embedder(options))
    for source in read_sources(options.sources, options.person, options.person_pattern):
        fingerprint = source.fingerprint or options.fingerprint
        gallery.add(source.content, source.ids, person=source.persons, fingerprint=fingerprint)
    return _tell(gallery)


def _remove(options: argparse.Namespace) -> int:
    gallery = Gallery.open(options.gallery)
    of_persons = [each for person in options.person for each in gallery.ids_of(person)]
    gallery.remove([*options.ids, *of_persons])
    return _tell(gallery)


def _query(options: argparse.Namespace) -> int:
    gallery = Gallery.open(options.gallery, _embedder(options))
    names, answers, pictures = [], [], []
    asked = {name: getattr(options, name) for name in ("top_k", "by", "threshold", "rerank")}
    for source in read_sources(options.sources):
        names += source.ids
        fingerprint = source.fingerprint or options.fingerprint
        answers += gallery.query(source.content, fingerprint=fingerprint, **asked)
        pictures += source.thumbnails() if options.html else [b""] * len(source.ids)
    say(answers_table(names, answers))
    if options.json:
        content = [{"query": name, **answer.as_dict()} for name, answer in zip(names, answers, strict=True)]
        with write_atomically(options.json) as file:
            json.dump(content, file, indent=1)
    if options.html:
        write_page(names, answers, pictures, str(options.gallery), options.html)
    return 0


def _info(options: argparse.Namespace) -> int:
    return _tell(Gallery.open(options.gallery), verify=options.verify)


def _compact(options: argparse.Namespace) -> int:
    gallery = Gallery.open(options.gallery)
    changes = {"index": options.index, "tuning": options.tuning}
    gallery.compact(**{name: value for name, value in changes.items() if value is not None})
    return _tell(gallery)


def _tell(gallery: Gallery, *, verify: bool = False) -> int:
    say(tabulate(gallery.info(verify=verify).items(), tablefmt="plain", disable_numparse=True))
    return 0


_RUN: dict[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "create": (_create, "make an empty gallery, for the features of one model"),
    "add": (_add, "add images, or features of files, all of each or none"),
    "remove": (_remove, "remove images"),
    "query": (_query, "find whom images show"),
    "info": (_info, "say what a gallery has"),
    "compact": (_compact, "write a gallery anew without what was removed, its index built on all images"),
}


def _parser(action: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"mdpr gallery {action}", description=_RUN[action][1].capitalize())
    add = parser.add_argument
    add("gallery", type=Path, help="folder of the gallery")
    if action in ("add", "query"):
        add("sources", nargs="+", type=Path, help="images, folders of images, or .npz files of features")
    if action in ("create", "add", "query"):
        add("--model", type=Path, help="model file that makes features of images")
        add("--fingerprint", help="of the model that made features, where their file does not say it")
    if action == "create":
        add("--dimension", type=int, help="of the features, where no --model is given")
    if action in ("create", "compact"):
        index, tuning = ("Flat", "") if action == "create" else (None, None)
        add(
            "--index", default=index, help="faiss's name of an index: Flat (exact), IVF1024,Flat, HNSW32, ..."
        )
        add("--tuning", default=tuning, help="faiss's parameters of the search, such as nprobe=16")
    if action == "add":
        add("--person", help="whom all images show")
        add("--person-pattern", metavar="REGEX", help="whose first group, in an image's path, is the person")
    if action == "remove":
        add("ids", nargs="*", help="of images")
        add("--person", action="append", default=[], help="all images of a person")
    if action == "query":
        add("--top-k", type=int, default=10, help="matches of each query")
        add("--by", choices=WAYS, default="best", help="persons by best image or centroid, or each image")
        add("--threshold", type=float, help="cosine similarity below which a query is unknown (the model's)")
        add("--rerank", type=int, default=0, metavar="N", help="re-rank the nearest N, such as 100")
        add("--json", type=Path, help="also write the answers to this file")
        add("--html", type=Path, help="also write a page of pictures")
    if action == "info":
        add("--verify", action="store_true", help="compare every byte with its checksum")
    return parser


def _main_of(action: str) -> Main:
    return subcommand(lambda: _parser(action), _RUN[action][0], also=(ValueError, BadZipFile))


_PURPOSES = {action: purpose for action, (_, purpose) in _RUN.items()}
main = subcommand_of_actions("mdpr gallery", _PURPOSES, _main_of)
