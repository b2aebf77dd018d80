"""Do the two languages of a notebook say the same thing, in the course's words and in clean Chinese?

A translation drifts where nobody looks: a number mended in one language only, a formula, a row of a table.
So every English text is held against its Chinese twin: what must be equal (formulas, code, links, numbers,
lists, tables) is compared as parsed, and words are held against `glossary.toml`. All functions are pure.
"""

import ast
import io
import re
import tokenize
import tomllib
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from itertools import chain, count, pairwise
from pathlib import Path

import autocorrect_py
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

# Every rule by name, so that no default and no file on disk decides for us.
autocorrect_py.load_config("""
rules: {space-word: 1, space-punctuation: 1, space-bracket: 1, space-backticks: 1, space-dash: 0, fullwidth: 1,
        no-space-fullwidth: 1, no-space-fullwidth-quote: 1, halfwidth-word: 1, halfwidth-punctuation: 1, spellcheck: 0}
textRules: {}
""")

_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_MARKDOWN.use(dollarmath_plugin, allow_labels=False, double_inline=True)

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_CHINESE = re.compile(rf"[{_HAN}]")
_CHINESE_OR_ITS_PUNCTUATION = re.compile(rf"[{_HAN}\u3001-\u303f\uff01-\uff60]+")
_NAMES = {"en": "English", "zh": "Chinese"}


def notebook_problems(notebook) -> list[tuple[int, str]]:
    """List (cell index, problem) for every cell of an nbformat notebook whose languages disagree."""
    check = {"markdown": markdown_problems, "code": code_problems}
    return [
        (index, problem)
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type in check
        for problem in check[cell.cell_type](cell.source)
    ]


def markdown_problems(source: str) -> list[str]:
    """List what is wrong with a Markdown cell: its divs and headings, then each English text against its Chinese."""
    blocks, problems = _split_blocks(source)
    env = {}
    _MARKDOWN.parse(source, env)  # link references may be defined anywhere in the cell
    waiting = None
    for block in blocks:
        if waiting and block.language != "zh":
            problems.append(f"line {waiting.line}: the English block has no Chinese block after it")
            waiting = None
        if block.language == "en":
            waiting = block
        elif block.language == "zh" and waiting:
            sides = [_read(_MARKDOWN.parse(half.text, env)) for half in (waiting, block)]
            problems += [f"line {waiting.line}: {problem}" for problem in _pair_problems(*sides)]
            waiting = None
        elif block.language == "zh":
            problems.append(f"line {block.line}: the Chinese block has no English block before it")
        else:
            problems += _outside_problems(block, env)
    if waiting:
        problems.append(f"line {waiting.line}: the English block has no Chinese block after it")
    return [problem.replace("\n", " ") for problem in [*problems, *_table_pipe_problems(source)]]


def code_problems(source: str) -> list[str]:
    """List what is wrong with the texts and comments of a code cell; texts are found as en/zh pairs."""
    if re.match(r"\s*%%(?!time|timeit|capture)", source):
        return []  # another language: %%bash, %%html, ...
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        plain = re.sub(r"^([ \t]*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)
        if plain != source:
            return code_problems(plain)
        return [f"line {error.lineno}: the code does not parse: {error.msg}"]
    problems = [
        f"line {token.start[0]}: a comment is not in English: {token.string}"
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and _CHINESE.search(token.string)
    ]
    taken = set()
    for node in ast.walk(tree):
        for name, halves in _code_pairs(node) if node not in taken else ():
            taken.update(halves.values())
            problems += [f"line {node.lineno}: {problem}" for problem in _code_pair_problems(name, **halves)]
    return problems


# --- The cell: divs, headings, what stands outside ---


@dataclass
class _Block:
    """A stretch of a cell: the inside of a div (language en or zh) or what stands between divs (None)."""

    language: str | None
    line: int
    text: str = ""


def _split_blocks(source):
    """Cut a cell at its language divs; line by line, because a div with no blank line is not parsed as one."""
    lines = source.split("\n")
    blocks, problems, fence = [_Block(None, 1)], [], None
    for number, line in enumerate(lines, start=1):
        here = blocks[-1]
        mark = re.match(r" {0,3}(```+|~~~+)", line)
        if mark and (fence is None or line.strip().startswith(fence)):
            fence = mark[1] if fence is None else None
        tag = None if fence else re.match(r"\s*(</?div\b[^>]*>)(.*)", line)
        if not tag:
            here.text += line + "\n"
        elif tag[1].startswith("</"):
            if here.language is None:
                problems.append(f"line {number}: </div> closes nothing")
            elif lines[number - 2].strip():
                problems.append(f"line {number}: no blank line before </div>, after “{lines[number - 2]}”")
            blocks.append(_Block(None, number + 1))
        else:
            language = re.fullmatch(r"""<div\s+lang=["']?([\w-]*)["']?\s*>""", tag[1])
            language = language[1] if language else tag[1]
            if here.language is not None:
                problems.append(f"line {number}: {tag[1]} stands inside the div of line {here.line}, divs do not nest")
            if language not in _NAMES:
                problems.append(f"line {number}: {tag[1]} has the unknown language “{language}”, known are en and zh")
            if number < len(lines) and lines[number].strip():
                problems.append(f"line {number}: no blank line after {tag[1]}, before “{lines[number]}”")
            blocks.append(_Block(language, number))
        if tag and tag[2].strip():
            problems.append(f"line {number}: text stands on the line of {tag[1]}: “{tag[2].strip()}”")
    if blocks[-1].language is not None:
        problems.append(f"line {blocks[-1].line}: the {blocks[-1].language} div is never closed")
    return [block for block in blocks if block.language or block.text.strip()], problems


def _outside_problems(block, env):
    """Outside the divs stand headings, and what has no language: code, formulas, tags, pictures."""
    tokens = [] if block.language else _MARKDOWN.parse(block.text, env)  # an unknown language is named already
    for before, token in pairwise([None, *tokens]):
        titles, prose = [], False
        if token.type == "html_block":
            titles = [_without_tags(token.content).strip()]
        elif token.type == "inline" and before.type == "heading_open":
            titles = [token.content]
        elif token.type == "inline":
            titles = [child.content for child in token.children if child.type == "image"]
            prose = _words(_read([token])) and any(child.type == "text" for child in token.children)
        where = f"line {block.line + token.map[0]}" if token.map else ""
        if prose:
            yield f"{where}: prose stands outside the language divs: “{token.content}”"
        else:
            yield from (f"{where}: {problem}" for title in titles for problem in _title_problems(title))


def _title_problems(title):
    """A title is `English · 中文`, or nothing but names, code and formulas, which have no language."""
    parts = title.split(" · ")
    sides = [_read(_MARKDOWN.parseInline(re.sub(r"^\d+(\.\d+)*[.:]?\s+", "", part))) for part in parts]
    if not any(_words(side) for side in sides):
        return []
    if len(parts) != 2:
        return [f"the title “{title}” is not of the form “English · 中文”"]
    if not _CHINESE.search(parts[1]):
        return [f"the title “{title}” has no Chinese on its right side, “{parts[1]}”"]
    return _pair_problems(*sides)


def _table_pipe_problems(source):
    r"""In a row of a table, `|` ends the cell even inside a formula."""
    return [
        f"line {number}: “|” in the formula ${formula}$ cuts the cell of the table, write \\lvert, \\rvert or \\mid"
        for number, line in enumerate(re.sub(r"`[^`\n]*`", "", source).split("\n"), start=1)
        if line.lstrip().startswith("|")
        for formula in re.split(r"(?<!\\)\$", line)[1:-1:2]
        if "|" in formula
    ]


# --- Reading one side of a pair ---


@dataclass
class _Side:
    """A text in one language.

    `objects` counts what must be equal in both languages. In `text`, the prose, each code span, formula and
    placeholder is one private-use character; `originals` says which. `quoted` are emphasised and linked words.
    """

    objects: Counter = field(default_factory=Counter)
    text: str = ""
    originals: dict = field(default_factory=dict)
    quoted: set = field(default_factory=set)
    traps: list = field(default_factory=list)

    def hide(self, kind, value, original):
        self.objects[kind, value] += 1
        mask = chr(0xE000 + len(self.originals))
        self.originals[mask] = original
        return mask

    def show(self, text):
        return text.translate(str.maketrans(self.originals))


def _read(tokens, placeholders=()):
    """Take a parsed text apart; `placeholders` says what each private-use character of a code text stands for."""
    side = _Side(originals=dict(placeholders))
    for token in tokens:
        if token.type == "inline":
            side.text += _read_inline(token.children, side) + "\n\n"
        elif token.type == "html_block":
            side.text += _read_tags(token.content, side) + "\n\n"
        elif token.type == "heading_open":
            side.traps.append("a heading stands inside the div, where the table of contents cannot keep it")
    side.objects.update(("placeholder", side.originals[c]) for c in side.text if c in dict(placeholders))
    side.objects.update(_block_objects(tokens))
    _note_traps(side)
    return side


def _read_inline(children, side):
    text, starts = "", []
    for child in children:
        if child.type == "text":
            text += child.content
        elif child.type in ("softbreak", "hardbreak"):
            text += "\n"
        elif child.type == "code_inline":
            code = side.show(child.content)
            text += side.hide("code span", code, f"`{code}`")
        elif child.type.startswith("math_inline"):
            kind = "inline formula" if child.type == "math_inline" else "display formula"
            text += side.hide(kind, " ".join(child.content.split()), f"${child.content}$")
        elif child.type == "html_inline":
            text += _read_tags(child.content, side)
        elif child.type == "image":
            side.objects["image", child.attrs["src"]] += 1
            text += _read_inline(child.children or (), side)
        elif child.type in ("link_open", "em_open"):
            side.objects.update([("link", child.attrs["href"])] if child.type == "link_open" else [])
            starts.append(len(text))
        elif child.type in ("link_close", "em_close"):
            side.quoted.add(text[starts.pop() :])
    return text


def _read_tags(html, side):
    side.objects.update(("HTML tag", tag) for tag in re.findall(r"</?\w+", html))
    side.objects.update(("HTML address", value) for value in re.findall(r"""(?:src|href)=["']([^"']*)""", html))
    return _without_tags(html)


def _without_tags(html):
    return re.sub(r"<[^>]*>", "", re.sub(r"<!--.*?-->", "", re.sub(r"<br\s*/?>", "\n", html), flags=re.DOTALL))


def _note_traps(side):
    """What the source means and the page does not show."""
    text = side.text
    for mask in re.finditer(r"(?<=\d)[\ue000-\uefff]|[\ue000-\uefff](?=\d)", text):
        if side.originals[mask[0]].startswith("$"):
            around = side.show(text[max(mask.start() - 1, 0) : mask.end() + 1])
            side.traps.append(f"a space is missing between the formula and the digit in “{around}”")
    for mark in re.finditer(rf".{{0,12}}(\*\*|(?<=[{_HAN}，。：；！？、）])\*|\*(?=[{_HAN}])).{{0,12}}", text):
        side.traps.append(f"bold or italics do not render, move punctuation out of them: “{side.show(mark[0])}”")


def _block_objects(tokens):
    """Yield (kind, value) for formulas and code of their own, and for list items, tables and paragraphs."""
    lists, rows, cells, filled = [], 0, 0, 0
    for position, token in enumerate(tokens):
        if token.type in ("fence", "code_block"):
            yield "number of code blocks", None
            yield "language of a code block", token.info.strip()
            yield from (("line of a code block", line) for line in token.content.splitlines())
        elif token.type == "math_block":
            yield "display formula", " ".join(token.content.split())
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(token.type.removesuffix("_list_open"))
            yield "first number of a list", str(token.attrs.get("start", 1))
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif token.type == "list_item_open":
            yield f"number of list items ({' in '.join(reversed(lists))})", None
        elif token.type == "paragraph_open" and not token.hidden:
            yield "number of paragraphs", None
        elif token.type == "table_open":
            rows, cells, filled = 0, 0, 0
        elif token.type == "tr_open":
            rows += 1
        elif token.type in ("th_open", "td_open"):
            cells += 1
            filled += bool(tokens[position + 1].content)
        elif token.type == "table_close":
            yield "table", f"{rows} rows × {cells // rows} columns, {filled} cells filled"


# --- Comparing the sides of a pair ---


def _pair_problems(en, zh):
    """List what is wrong between an English text and its Chinese one, and inside each."""
    return [
        *_object_problems(en.objects, zh.objects),
        *_number_problems(en.text, zh.text),
        *(f"{_NAMES[language]}: {trap}" for language, side in (("en", en), ("zh", zh)) for trap in side.traps),
        *_typography_problems(zh),
        *_language_problems(*_without_titles(en, zh)),
        *_glossary_problems(*(side.text for side in _without_titles(en, zh))),
    ]


def _without_titles(*sides):
    """Drop linked or emphasised titles, of a paper for instance, that stand untranslated on both sides."""
    titles = {title for title in set.intersection(*(side.quoted for side in sides)) if len(title.split()) > 3}
    pattern = "|".join(map(re.escape, titles)) or "(?!)"
    return [replace(side, text=re.sub(pattern, "|", side.text)) for side in sides]


def _object_problems(en, zh):
    for kind in sorted({kind for kind, _ in (en - zh) + (zh - en)}):
        if (kind, None) in en | zh:
            yield f"{kind} differs: {en[kind, None]} in English, {zh[kind, None]} in Chinese"
        else:
            only_en, only_zh = (
                ", ".join(f"“{value}”" for key, value in surplus.elements() if key == kind) or "nothing for it"
                for surplus in (en - zh, zh - en)
            )
            yield f"{kind} differs: {only_en} in English, {only_zh} in Chinese"


_NUMBER = re.compile(
    r"(?<![A-Za-z_\d.])((?<![A-Za-z\d)）])[-−])?((?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
    r"(?:[eE]([-+]?\d\d?))?(?!\d|-?D\b)(?:\s?(%|percent\b|per cent\b|万|亿|thousand\b|million\b|billion\b))?"
)
_TIMES = {"万": 10**4, "亿": 10**8, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_SPELLED = "zero one two three four five six seven eight nine ten eleven twelve".split()
_SPELLED_OTHERWISE = {"first": "1", "second": "2", "third": "3", "twice": "2", "double": "2", "doubles": "2"}


def _numbers(text):
    """Count the numbers of a text by value: `1,599` is `1599`, `30 %` is `30%`, `05` is `5`, 2 million is 200 万."""
    numbers = Counter()
    for sign, digits, power, after in _NUMBER.findall(re.sub(r"百分之\s*([\d.]+)", r"\1%", text)):
        value = Decimal(digits.replace(",", "")) * _TIMES.get(after, 1) * Decimal(10) ** int(power or 0)
        percent = "%" if after in ("%", "percent", "per cent") else ""
        numbers[f"{'-' if sign else ''}{value.normalize():f}{percent}"] += 1
    return numbers


def _number_problems(en, zh):
    """A number written in digits stands in digits in both; Chinese may write `3` where English spells `three`."""
    words = re.findall(r"[a-z]+", en.lower())
    spelled = Counter(str(_SPELLED.index(word)) for word in words if word in _SPELLED)
    spelled += Counter(_SPELLED_OTHERWISE[word] for word in words if word in _SPELLED_OTHERWISE)
    en, zh = _numbers(en), _numbers(zh)
    only_en, only_zh = en - zh, zh - en - spelled
    if only_en or only_zh:
        only_en, only_zh = (", ".join(side.elements()) or "nothing for it" for side in (only_en, only_zh))
        yield f"numbers differ: {only_en} in English, {only_zh} in Chinese"


_GRAMMAR = set(
    "a an the is are was were be has have had it its this that these those of to in on at by for from with without as "
    "and or but not if than then when where which who what how we you they can will do does".split()
)


def _language_problems(en, zh):
    """Chinese belongs in English only as the other name in a parenthesis; English sentences nowhere in Chinese."""
    for run in _CHINESE_OR_ITS_PUNCTUATION.findall(re.sub(rf"\([^()]*[{_HAN}][^()]*\)", "", en.text)):
        yield f"Chinese stands in the English text: “{run}”"
    if _words(zh) and not _CHINESE.search(zh.text):
        yield f"the Chinese text has no Chinese: “{zh.show(zh.text).strip()}”"
    outside = re.sub(r"[（(][^（）()]*[）)]", lambda m: m[0] if _CHINESE.search(m[0]) else "|", zh.text)
    for run in re.findall(r"[A-Za-z][\w'’-]*(?:[,;:]?[ \n]+[A-Za-z\ue000-\uf8ff][\w'’-]*){3,}", outside, re.ASCII):
        if _GRAMMAR & set(run.lower().replace(",", " ").split()):
            yield f"English is left untranslated in the Chinese text: “{zh.show(run)}”"


def _words(side):
    """The words of a text that belong to a language: no names, no code, no formulas."""
    names = "|".join(map(re.escape, sorted(_glossary()["names"], key=len, reverse=True)))
    return " ".join(re.findall(rf"[{_HAN}]+|[A-Za-z]{{2,}}", re.sub(rf"\b(?:{names})\b", " ", side.text)))


# --- Chinese typography ---


def _typography_problems(zh):
    for line in filter(_CHINESE.search, zh.text.split("\n")):
        words = re.sub(r"[\ue000-\uefff]", lambda mask: f"ZJ{ord(mask[0]):x}ZJ", _full_width(line.strip()))
        better = re.sub("ZJ(e[0-9a-f]{3})ZJ", lambda word: chr(int(word[1], 16)), autocorrect_py.format(words))
        if better != line.strip():
            yield f"Chinese typography: “{zh.show(line.strip())}” should be “{zh.show(better)}”"


def _full_width(line):
    """Punctuation that touches Chinese is Chinese; this is what autocorrect leaves alone around code and brackets."""
    h = _HAN
    line = re.sub(
        r"\(([^()\[\]（）]*)\)",
        lambda m: f"（{m[1]}）" if _CHINESE.search(line[max(m.start() - 1, 0) : m.end() + 1]) else m[0],
        line,
    )
    line = re.sub(r'"([^"]*)"', lambda m: f"“{m[1]}”" if _CHINESE.search(m[1]) else m[0], line)
    line = re.sub(rf"(?<=[{h}])\s?\.{{3,}}", "……", line)
    line = re.sub(rf"(?<=[{h}])\s?(?:(?<!—)—(?!—)|--)\s?(?=[{h}])", "——", line)
    line = re.sub(rf"(?<=[{h}）”])\.(?=\s|$)|(?<=\w)\.$|(?<=[\ue000-\uf8ff）])\.$", "。", line)
    wide = str.maketrans(",;:!?", "，；：！？")
    return re.sub(rf"(?<=[{h}）”])[,;:!?]|[,;:!?](?=\s?[{h}（“])", lambda m: m[0].translate(wide), line)


# --- Glossary ---


@cache
def _glossary():
    """Load the glossary, with one pattern for all English forms (the longest first) and its way back to the term."""
    glossary = tomllib.loads(Path(__file__).with_name("glossary.toml").read_text(encoding="utf-8"))
    forms = {form.lower(): term for term in glossary["term"] for form in term["en"]}
    patterns = [re.escape(form).replace(r"\ ", r"[\s-]").replace(r"\-", r"[\s-]") for form in forms]
    by_length = sorted(zip(patterns, forms.values(), strict=True), key=lambda pair: len(pair[0]), reverse=True)
    glossary["pattern"] = re.compile(rf"\b(?:{'|'.join(f'({p})' for p, _ in by_length)})(?:s|es)?\b", re.IGNORECASE)
    glossary["by_group"] = [term for _, term in by_length]
    return glossary


def _glossary_problems(en, zh):
    glossary, zh = _glossary(), zh.replace("\n", "")
    used = {}
    for match in glossary["pattern"].finditer(en.replace("\n\n", "\n.\n")):
        used.setdefault(id(glossary["by_group"][match.lastindex - 1]), match[0])
    for term in glossary["term"]:
        said = used.get(id(term))
        if said and not any(rendering in zh for rendering in term["zh"]):
            yield f"glossary: English says “{said}”, Chinese does not say “{'” or “'.join(term['zh'])}”"
        unwanted = [*term.get("never", []), *(term.get("not", []) if said else [])]
        unwanted = [(zh, rendering) for rendering in unwanted]
        if "aside" in term:
            first_use = rf"(?:{'|'.join(term['zh'])})[法层]?[（(][^（）()]*[）)]"
            unwanted += [(re.sub(first_use, "", zh), rendering) for rendering in term["aside"]]
        for text, rendering in unwanted:
            if rendering in text:
                yield f"glossary: Chinese says “{rendering}” for “{term['en'][0]}”, the course says “{term['zh'][0]}”"


# --- Texts in code ---


def _code_pairs(node):
    """Yield (name, {"en": node or None, "zh": node or None}) for the texts in two languages that a node holds."""
    if isinstance(node, ast.Call):
        if any(keyword.arg is None for keyword in node.keywords):
            return
        items = [(keyword.arg, keyword.value) for keyword in node.keywords]
    elif isinstance(node, ast.Dict):
        items = [(getattr(key, "value", None), value) for key, value in zip(node.keys, node.values, strict=True)]
    else:
        items = []
    pairs = {}
    for key, value in items:
        name = re.fullmatch(r"(en|zh)(?:_(\w+))?", key) if isinstance(key, str) else None
        if name:
            pairs.setdefault(name[2] or "", {"en": None, "zh": None})[name[1]] = value
    yield from pairs.items()
    row = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
    if len(row) == 2 and all(map(_is_text, row)):
        chinese = [bool(_CHINESE.search(ast.unparse(half))) for half in row]
        if sum(chinese) == 1:
            yield "", {"en": row[chinese.index(False)], "zh": row[chinese.index(True)]}


def _code_pair_problems(name, en, zh):
    name = f"_{name}" if name else ""
    for language, half, other in (("en", en, zh), ("zh", zh, en)):
        if half is None and _is_text(other):
            yield f"{language}{name}= is missing beside “{ast.unparse(other)}”"
    if isinstance(en, ast.List | ast.Tuple) and isinstance(zh, ast.List | ast.Tuple):
        if len(en.elts) != len(zh.elts):
            yield f"number of texts differs: {len(en.elts)} in en{name}=, {len(zh.elts)} in zh{name}="
        for half_en, half_zh in zip(en.elts, zh.elts, strict=False):
            yield from _code_pair_problems("", half_en, half_zh)
    elif _is_text(en) and _is_text(zh):
        sides = []
        for half in (en, zh):
            placeholders, numbers = {}, (count(0xE800), count(0xF000))
            text = "".join(_literal(half, placeholders, numbers))
            sides.append(_read(_MARKDOWN.parseInline(text), placeholders))
        yield from _pair_problems(*sides)


def _is_text(node):
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and _is_text(node.left) and _is_text(node.right)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _literal(node, placeholders, numbers):
    """Yield the pieces of a text; a placeholder becomes a private-use character.

    `{names_zh[i]}` is the twin of `{names_en[i]}`; what it will hold is unknown, so nothing is asked of the
    spaces around it, while any other placeholder is taken for a number or a name.
    """
    if isinstance(node, ast.Constant):
        yield node.value
    elif isinstance(node, ast.FormattedValue):
        shown = ast.unparse(ast.JoinedStr([node])).removeprefix("f").strip("'\"")
        neutral = re.sub(r"(?<![A-Za-z])(?:en|zh)(?![A-Za-z])", "en|zh", shown)
        mask = chr(next(numbers[neutral != shown]))
        placeholders[mask] = neutral
        yield mask
    else:
        parts = (node.left, node.right) if isinstance(node, ast.BinOp) else node.values
        yield from chain.from_iterable(_literal(part, placeholders, numbers) for part in parts)
