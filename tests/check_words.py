"""Check the wording of names, docstrings, messages and docs: `python -m tests.check_words [--seed N] [PATH ...]`.

Counts the habits of `HABITS` per 10,000 words, separately for docstrings with comments, for messages with templates,
and for docs, and fails above their limits. Code, quotations, headings and questions do not count. Also fails for
variables, modules and classes with vague names. With `--seed`, prints ten names for a reader to guess.
"""

import argparse
import ast
import io
import random
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).parents[1]
CODE_FOLDERS = ["brainio", "benchmarks", "packaging_scripts", "tests", "setup.py"]
DOC_FILES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "examples"]
MANY = 10_000


class Habit(NamedTuple):
    """A pattern that makes English hard to read, and how often it may occur in 10,000 words."""

    name: str
    limit: float
    pattern: re.Pattern[str]


def _habit(name: str, limit: float, pattern: str, flags: int = re.IGNORECASE) -> Habit:
    return Habit(name, limit, re.compile(pattern, flags))


HABITS = [
    _habit(
        "relative clause as a noun",
        3,
        r"\bwhat (is|was|are|were|lies|lay|came|comes|has|had|goes|stands|stood|it|they)\b",
    ),
    _habit(
        "'stands' or 'lies' for 'is'",
        1,
        r"\b(stands?|stood|lies?|lay) (in|twice|there|under|below|beside|on|where)\b",
    ),
    _habit(
        "'is none', 'is no X'", 2, r"(?<!here )\b(is|are|was|were) (none\b|no (?!longer|more|less|later|way|need)\w)", 0
    ),
    _habit("reported speech about data", 0.5, r"\b(told|said)\b(?! apart)"),
    _habit("'whoever', 'whatever', 'whom'", 3, r"\b(whoever|whatever|whom)\b"),
    _habit("'is had'", 0, r"\b(be|is|are|was) had\b"),
    _habit(
        "evasions",
        1,
        r"\b(that which|those which|anyone who|the ones? (who|that|which)|resides? in|sits? (in|below))\b",
    ),
]
VAGUE_VARIABLES = {"told", "said", "asked", "held", "one", "of", "what", "wanted"}
IRREGULAR_PARTICIPLES = {
    "told", "said", "held", "kept", "seen", "made", "found", "given", "taken", "known", "shown", "written", "read",
    "sent", "had", "gone", "done", "meant", "left", "lost", "built", "drawn", "apart", "around", "beside", "of", "what",
}  # fmt: skip
NOUNS_IN_ED = {"seed", "feed", "speed", "embed", "bed", "need"}


class Text(NamedTuple):
    """A text for readers, with the place where it begins."""

    place: str
    text: str


def _files(folders: list[str], suffixes: tuple[str, ...], paths: list[Path]) -> Iterator[Path]:
    for folder in folders:
        top = TOP / folder
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            chosen = not paths or any(path.is_relative_to(part) for part in paths)
            if chosen and path.suffix in suffixes and path.is_file():
                yield path


def prose_of(text: str) -> str:
    """Return the part of a text that is prose of its author: without code, quotations and questions."""
    text = re.sub(r"``[^`]+``|`[^`\n]+`", " CODE ", text)
    text = re.sub(r"\"[^\"\n]{1,200}\"", " QUOTE ", text)
    text = re.sub(r"^\s*(>>>|\.\.\.|\$).*$", "", text, flags=re.MULTILINE)
    return re.sub(r"[^.!?|]*\?(?=\s|$)", " ", text)


def prose_of_markdown(text: str) -> str:
    """Return the prose of a Markdown file: without code blocks, headings, HTML and targets of links."""
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^( {4,}|#).*$|^>.*$", "", text, flags=re.MULTILINE)
    return prose_of(re.sub(r"<[^>]+>|\]\([^)]+\)", " ", text))


def _docstring_nodes(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value


def docstrings_and_comments(path: Path) -> Iterator[Text]:
    """Yield every docstring and every comment of a Python file."""
    source = path.read_text(encoding="utf-8")
    for node in _docstring_nodes(ast.parse(source)):
        yield Text(f"{path.relative_to(TOP)}:{node.lineno}", prose_of(str(node.value)))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(f"{path.relative_to(TOP)}:{token.start[0]}", prose_of(token.string.lstrip("# ")))


def messages(path: Path) -> Iterator[Text]:
    """Yield every text of a Python file that is no docstring and has at least four words."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node) for node in _docstring_nodes(tree)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "VALUE" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | parts:
            text = node.value
        else:
            continue
        if len(text.split()) >= 4 and "\\b" not in text:
            yield Text(f"{path.relative_to(TOP)}:{node.lineno}", prose_of(text))


def template_text(path: Path) -> Text:
    """Return the text of a template, without tags, expressions and comments."""
    text = re.sub(r"\{[%{#].*?[%}#]\}", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"<(code|pre|script|style).*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
    return Text(str(path.relative_to(TOP)), prose_of(text))


def count_habits(title: str, texts: list[Text], verbose: bool) -> bool:
    """Print the habits of some texts per 10,000 words; return whether all are within their limits."""
    words = sum(len(re.findall(r"[A-Za-z'-]{2,}", text)) for _, text in texts)
    print(f"{title}: {words} words")
    good = True
    for habit in HABITS:
        places = [
            f"    {place}: {match.group(0)}"
            for place, text in texts
            for match in habit.pattern.finditer(" ".join(text.split()))
        ]
        rate = len(places) * MANY / max(words, 1)
        above = rate > habit.limit
        good = good and not above
        print(f"  {habit.name}: {rate:.1f} (limit {habit.limit:g}){' ABOVE' if above else ''}")
        if verbose and (above or words < MANY):
            print("\n".join(places))
    return good


def _variables(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute):
            yield node.lineno, node.target.attr


def is_bare_participle(name: str) -> bool:
    """Return whether a name is one participle or preposition, such as `kept`, `Held` or `_Told`."""
    word = name.strip("_").lower()
    if word in IRREGULAR_PARTICIPLES:
        return True
    return word.endswith("ed") and word not in NOUNS_IN_ED and not re.search(r"[a-z][A-Z]|_", name.strip("_"))


def bad_names(path: Path) -> Iterator[str]:
    """Yield the place and name of every variable, module and class of a Python file whose name says nothing."""
    place = path.relative_to(TOP)
    if is_bare_participle(path.stem):
        yield f"{place}: module {path.stem}"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for line, name in _variables(tree):
        if name.strip("_") in VAGUE_VARIABLES:
            yield f"{place}:{line}: variable {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and is_bare_participle(node.name):
            yield f"{place}:{node.lineno}: class {node.name}"


def draw_names(files: list[Path], seed: int) -> None:
    """Print ten modules, classes and functions of some files, with their first lines, in an order that `seed` gives."""
    names: list[str] = []
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                name = path.stem if isinstance(node, ast.Module) else f"{path.stem}.{node.name}"
                first = (ast.get_docstring(node) or "(no docstring)").split("\n")[0]
                names.append(f"{name}: {first}")
    print("\n".join(random.Random(seed).sample(names, min(10, len(names)))))


def main() -> int:
    """Check the whole project, or some paths of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("paths", nargs="*", type=Path, help="check these files and folders only")
    parser.add_argument("--seed", type=int, help="print ten names that this seed draws, and check nothing")
    parser.add_argument("--verbose", action="store_true", help="list the places of habits")
    options = parser.parse_args()
    paths = [path.resolve() for path in options.paths]
    code = list(_files(CODE_FOLDERS, (".py",), paths))
    if options.seed is not None:
        draw_names(code, options.seed)
        return 0
    docs = [
        Text(str(path.relative_to(TOP)), prose_of_markdown(path.read_text(encoding="utf-8")))
        for path in _files(DOC_FILES, (".md",), paths)
    ]
    shown = [text for path in code for text in messages(path)]
    shown += [template_text(path) for path in _files(["brainio"], (".html", ".j2", ".jinja"), paths)]
    groups = {
        "docstrings and comments": [text for path in code for text in docstrings_and_comments(path)],
        "messages and templates": shown,
        "docs": docs,
    }
    results = [count_habits(title, texts, options.verbose) for title, texts in groups.items() if texts]
    names = [name for path in code for name in bad_names(path)]
    print(f"vague names: {len(names)}")
    if options.verbose:
        print("\n".join(f"    {name}" for name in names))
    return 0 if all(results) and not names else 1


if __name__ == "__main__":
    sys.exit(main())
